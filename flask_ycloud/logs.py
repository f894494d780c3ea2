"""Log records that change nothing but the log."""

from __future__ import annotations

import logging
from contextlib import suppress


def log(
    logger: logging.Logger, level: int, message: str, *args: object, **extra: object
) -> None:
    """Log, with what it is about as attributes of the record.

    A record factory that sets one of these attributes itself, or a handler or filter
    that raises, must not change an answer or an outcome: then it is logged again without
    the attributes, or not at all.
    """
    try:
        logger.log(level, message, *args, extra=extra)
    except Exception:
        with suppress(Exception):
            logger.log(level, message, *args)
