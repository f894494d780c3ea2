"""Output on terminals and files that cannot have every character."""

from __future__ import annotations

import codecs
import sys

_NAME = "flask_ycloud.replace"
_INSTEAD = {"→": "->", "…": "...", "•": "*"}


def replace_what_cannot_be_shown() -> None:
    """From now on write ``->`` for an arrow that an encoding such as cp1252 does not have.

    Without it the first such character ends a command with an error.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a test may have put anything there
            reconfigure(errors=_NAME)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(_INSTEAD.get(each, "?") for each in characters), error.end


codecs.register_error(_NAME, _replaced)
