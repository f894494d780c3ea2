"""Coverage-guided fuzzing of the parsers of untrusted bytes, with atheris.

    make fuzz-parsers ARGS="-max_total_time=600"

For any bytes, a parser returns a result or raises an error of this package.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["flask_ycloud"]):
    from flask_ycloud import errors
    from flask_ycloud.protocol import conversation_names, parse_event, sign, verify

SECRET = "whsec_of_the_fuzzer"  # noqa: S105


def one_input(data: bytes) -> None:
    provider = atheris.FuzzedDataProvider(data)
    header = provider.ConsumeUnicode(200)
    body = provider.ConsumeBytes(provider.remaining_bytes())
    try:
        verify(body, header, SECRET)
    except errors.SignatureError:
        pass
    else:
        raise AssertionError(f"this header was accepted as authentic: {header!r}")
    verify(body, sign(body, SECRET), SECRET)
    try:
        event = parse_event(body)
    except errors.EventNotUnderstood:
        pass
    else:
        assert event.create_time.tzinfo is not None
        assert all(len(name) == 32 for name in conversation_names(event))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
