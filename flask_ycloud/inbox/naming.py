"""The index of names: which events a number, a user id or a message id is in.

It has 64 bits of a keyed hash of each, and ends with the body. What two names have in
common there is chance: one in a million millions, among millions.
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
    """What stands for names."""
    return [keyed.short(name.encode("utf-8", "surrogatepass")) for name in found_by]


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
    (hash,) = hashes_of(KeyedHash(secret_of(tx)), [searched_name(about)])
    return hash


def is_named(hash: int) -> sa.ColumnElement[bool]:
    """Whether an event has a name: one look into the index for each event."""
    here = (names.c.block == block_of(events.c.seq), names.c.event_seq == events.c.seq)
    found = sa.select(names.c.event_seq).where(*here, names.c.hash == hash)
    # With a limit it is no join: PostgreSQL might go through all names for one.
    one = found.limit(sa.literal_column("1")).correlate(events).scalar_subquery()
    return one.is_not(None)


def are_named(hash: int, first: int, last: int) -> sa.ColumnElement[bool]:
    """What selects the events between two positions that have a name.

    It looks once into each block, so there should not be more than some thousands of them.

    :param hash: that of the name.
    """
    blocks = list(range(block_of(first), block_of(last) + 1))
    found = sa.select(names.c.event_seq).where(
        names.c.block.in_(blocks),
        names.c.hash == hash,
        names.c.event_seq.between(first, last),
    )
    return events.c.seq.in_(found)


def forget_names(seqs: Sequence[int]) -> sa.Delete:
    """Delete what is known of the names in some events."""
    blocks = sorted(set(map(block_of, seqs)))
    return names.delete().where(names.c.block.in_(blocks), names.c.event_seq.in_(seqs))
