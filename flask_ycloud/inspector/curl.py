"""A shell command that signs a body and sends it to an endpoint."""

from __future__ import annotations

import shlex

from ..protocol import HEADER

_LONGEST = 64 * 1024  # characters: systems limit the arguments of a command

_COMMAND = """\
body={body}
t=$(date +%s)
s=$(printf '%s.%s' "$t" "$body" |
  openssl dgst -sha256 -hmac "${variable}" | sed 's/.*= *//')
curl -i {url} \\
  -H 'Content-Type: application/json' -H "{header}: t=$t,s=$s" --data-binary "$body"
"""


def as_curl(body: bytes, url: str, variable: str) -> str | None:
    """Return a shell command; ``None`` if a shell variable cannot hold the body.

    :param url: the URL of the endpoint.
    :param variable: the environment variable that has the signing secret. The command
        does not contain the secret.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    if "\0" in text or text.endswith("\n") or not 0 < len(text) <= _LONGEST:
        return None
    return _COMMAND.format(
        body=shlex.quote(text), variable=variable, url=shlex.quote(url), header=HEADER
    )
