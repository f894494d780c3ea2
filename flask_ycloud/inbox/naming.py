"""The index of names: the events that a number, a user id or a message id is in.

It has 64 bits of a keyed hash of each name, which are deleted with the body. Among millions
of names, the chance that a name has the hash of another is one in a million millions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..protocol import searched_name
from .hashes import KeyedHash
from .tables import block_of, events, names, secret_of

_HALF = 1 << 63
_IN_URL = re.compile("#([0-9a-f]{16})")


def hashes_of(keyed: KeyedHash, found_by: Iterable[str]) -> list[int]:
    """The hashes of names."""
    return [keyed.short(name.encode("utf-8", "surrogatepass")) for name in found_by]


def in_url(hash: int) -> str:
    """The hash of a name as a text for a URL, which does not reveal the name."""
    return f"#{hash + _HALF:016x}"


def hash_searched(tx: Connection, about: str) -> int:
    """The hash of a name that is searched for.

    :param about: the name, or a text that :func:`in_url` returned.
    """
    known = _IN_URL.fullmatch(about)
    if known is not None:
        return int(known[1], 16) - _HALF
    (hash,) = hashes_of(KeyedHash(secret_of(tx)), [searched_name(about)])
    return hash


def is_named(hash: int) -> sa.ColumnElement[bool]:
    """Whether an event has a name: one index lookup for each event."""
    here = (names.c.block == block_of(events.c.seq), names.c.event_seq == events.c.seq)
    found = sa.select(names.c.event_seq).where(*here, names.c.hash == hash)
    # The limit keeps PostgreSQL from a join, which might read all names.
    one = found.limit(sa.literal_column("1")).correlate(events).scalar_subquery()
    return one.is_not(None)


def are_named(hash: int, first: int, last: int) -> sa.ColumnElement[bool]:
    """The condition for the events between two positions that have a name.

    It is one index lookup for each block, so there should be some thousands at most.

    :param hash: the hash of the name.
    """
    blocks = list(range(block_of(first), block_of(last) + 1))
    found = sa.select(names.c.event_seq).where(
        names.c.block.in_(blocks),
        names.c.hash == hash,
        names.c.event_seq.between(first, last),
    )
    return events.c.seq.in_(found)


def forget_names(seqs: Sequence[int]) -> sa.Delete:
    """The statement that deletes the names in some events."""
    blocks = sorted(set(map(block_of, seqs)))
    return names.delete().where(names.c.block.in_(blocks), names.c.event_seq.in_(seqs))
