"""Fairness between tenants: each tenant of an endpoint has a lane, and lanes take turns.

So the backlog of a tenant delays events of others only by the events that already run.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from . import queries
from .database import Database

#: From how many lanes one fetch claims events at most. The next fetch continues after them.
MOST_LANES = 64
_LOOK_SECONDS = 30.0
_MOST_KNOWN = 10_000


class Lane(NamedTuple):
    """A queue of events: those of one tenant of an endpoint.

    :param tenant: empty for events without a tenant.
    """

    endpoint: str
    tenant: str = ""

    @property
    def turn(self) -> Lane:
        """The lane that takes turns with others. All lanes without a tenant share one."""
        return self if self.tenant else _NO_TENANT


_NO_TENANT = Lane("")


class Lanes:
    """The lanes in which events may be due, in batches.

    An endpoint that serves one account has one lane. From time to time it is checked for
    events of tenants, since it may have served many before.

    :param endpoints: returns the endpoints whose events may be claimed here.
    :param serves_many: whether an endpoint has tenants.
    :param clock: seconds.
    """

    def __init__(
        self,
        endpoints: Callable[[], Sequence[str]],
        serves_many: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        self._endpoints = endpoints
        self._serves_many = serves_many
        self._clock = clock
        self._after: dict[str, str] = {}  # the last tenant of the previous round
        self._turns: OrderedDict[Lane, int] = OrderedDict()  # the last turn of each
        self._turn = 0
        self._looked: dict[str, tuple[float, bool]] = {}  # when, and whether it had tenants

    def rounds(self, database: Database) -> Iterator[list[Lane]]:
        """The lanes in batches, sorted by the time since their last turn, longest first.

        :raises InboxUnavailable: if the inbox cannot be read.
        """
        seen: set[Lane] = set()
        while True:
            lanes = [lane for lane in self._some(database) if lane not in seen]
            if not lanes:
                return
            seen.update(lanes)
            yield sorted(lanes, key=lambda lane: self._turns.get(lane.turn, 0))
            if len(lanes) < MOST_LANES:
                return  # there are no others

    def served(self, lanes: Iterable[Lane]) -> None:
        """Note that these lanes had a turn."""
        for lane in lanes:
            self._turn += 1
            self._turns[lane.turn] = self._turn
            self._turns.move_to_end(lane.turn)
        while len(self._turns) > _MOST_KNOWN:
            self._turns.popitem(last=False)

    def _some(self, database: Database) -> list[Lane]:
        endpoints = self._endpoints()
        many = [each for each in endpoints if self._may_have_tenants(each)]
        if not many:
            return [Lane(endpoint) for endpoint in endpoints]
        tenants = database.read(lambda tx: {each: self._next(tx, each) for each in many})
        for endpoint, found in tenants.items():
            self._looked[endpoint] = self._clock(), bool(found)
        return [
            Lane(endpoint, tenant)
            for endpoint in endpoints
            for tenant in ("", *tenants.get(endpoint, ()))
        ]

    def _may_have_tenants(self, endpoint: str) -> bool:
        looked_at, found = self._looked.get(endpoint, (float("-inf"), False))
        late = abs(self._clock() - looked_at) >= _LOOK_SECONDS
        return found or late or self._serves_many(endpoint)

    def _next(self, tx: Connection, endpoint: str) -> list[str]:
        """The tenants after those of the previous round, and then again from the first."""
        after = self._after.get(endpoint, "")
        found = _tenants(tx, endpoint, after, MOST_LANES)
        if after and len(found) < MOST_LANES:
            again = _tenants(tx, endpoint, "", MOST_LANES - len(found))
            found += [tenant for tenant in again if tenant not in found]
        self._after[endpoint] = found[-1] if len(found) == MOST_LANES else ""
        return found


def _tenants(tx: Connection, endpoint: str, after: str, most: int) -> list[str]:
    values = {"endpoint_": endpoint, "after_": after, "most_": most}
    return [row[0] for row in queries.TENANTS.run(tx, values)]
