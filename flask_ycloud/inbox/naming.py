"""The index of names: which events a number, a user id or a message id is in.

It has 64 bits of a keyed hash of each, and ends with the body. What two names have in
common there is chance: one in a million millions, among millions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..protocol import searched_name
from .hashes import KeyedHash
from .tables import events, names, secret_of

_HEX_DIGITS = 16  # 64 bits
_HALF = 1 << 63
_IN_URL = re.compile("#([0-9a-f]{16})")


def hash_of(hashed: Callable[[bytes], str], name: str) -> int:
    """What stands for a name.

    :param hashed: gives keyed hashes, as :meth:`Database.hashed` does.
    """
    # Of names of conversations there are hashes, too: these have nothing in common.
    value = b"name " + name.encode("utf-8", "surrogatepass")
    return int(hashed(value)[:_HEX_DIGITS], 16) - _HALF


def in_url(hash: int) -> str:
    """What stands for a name, as a text that may be in a URL: it does not say the name."""
    return f"#{hash + _HALF:016x}"


def hash_searched(tx: Connection, about: str) -> int:
    """What stands for a name that somebody searches for.

    :param about: the name, or what :func:`in_url` gave.
    """
    known = _IN_URL.fullmatch(about)
    if known is not None:
        return int(known[1], 16) - _HALF
    return hash_of(KeyedHash(secret_of(tx)).of, searched_name(about))


def are_named(
    hash: int, first: int | None = None, last: int | None = None
) -> sa.ColumnElement[bool]:
    """What selects the events that have a name.

    :param hash: that of the name.
    :param first: the position of the first event; ``None`` for whatever there is.
    :param last: and of the last.
    """
    found = sa.select(names.c.event_seq).where(names.c.hash == hash)
    if first is not None:
        found = found.where(names.c.event_seq.between(first, last))
    return events.c.seq.in_(found)


def ends_of(tx: Connection, hash: int) -> tuple[int, int]:
    """The positions of the oldest event that has a name, and of the newest."""
    ends = (
        tx.execute(sa.select(each(names.c.event_seq)).where(names.c.hash == hash)).scalar()
        for each in (sa.func.min, sa.func.max)
    )
    first, last = (each or 0 for each in ends)
    return first, last or -1


def forget_names(seqs: Sequence[int]) -> sa.Delete:
    """Delete what is known of the names in some events."""
    return names.delete().where(names.c.event_seq.in_(seqs))
