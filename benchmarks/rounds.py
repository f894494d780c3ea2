"""Measures cases in alternating rounds, as ratios to one of them."""

from __future__ import annotations

import json
import os
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def setting(name: str, default: int) -> int:
    """Return a number from the environment, such as ``ROUNDS=1`` for a short run."""
    return int(os.environ.get(name, default))


@dataclass(frozen=True)
class Ratio:
    """How a case compares with the reference, over the rounds.

    A ratio above 1 means a longer time, or a higher rate.

    :param number: the median of the measured values. It is shown but not saved, since it is
        only valid for this machine and hour.
    """

    name: str
    number: float
    median: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Table:
    """The result of one comparison.

    :param key: the name of its file of results.
    :param what: the measured quantity, for example ``"time of one verification"``.
    :param aim: the aim for the ratios.
    :param notes: remarks on cases.
    :param missing: why a case could not be measured.
    """

    key: str
    title: str
    what: str
    reference: str
    rounds: int
    ratios: list[Ratio]
    aim: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def show(self) -> None:
        """Print the result."""
        print(f"\n{self.title}: {self.what}, as a ratio to {self.reference!r}")
        if self.aim:
            print(f"  The aim: {self.aim}")
        width = max(len(name) for name in (*self.missing, *self._names()))
        for each in self.ratios:
            spread = f"({each.lowest:.2f} to {each.highest:.2f})"
            line = f"  {each.name:<{width}}  {each.median:6.2f}  {spread:<16}"
            number = f"{each.number:{',.0f' if each.number >= 100 else '.3g'}}"
            note = self.notes.get(each.name, "")
            print(f"{line}  {number} here{note and '; '}{note}", flush=True)
        for name, why in self.missing.items():
            print(f"  {name:<{width}}  not measured: {why}", flush=True)

    def _names(self) -> list[str]:
        return [each.name for each in self.ratios]

    def keep(self) -> None:
        """Save the result for ``benchmarks.report``, with the day (UTC)."""
        RESULTS.mkdir(exist_ok=True)
        kept = asdict(self) | {"day": datetime.now(timezone.utc).date().isoformat()}
        for each in kept["ratios"]:
            del each["number"]
        text = json.dumps(kept, indent=1, ensure_ascii=False)
        (RESULTS / f"{self.key}.json").write_text(text + "\n")


def tabulate(
    key: str,
    title: str,
    what: str,
    numbers: Mapping[str, Sequence[float]],
    *,
    aim: str = "",
    notes: Mapping[str, str] | None = None,
    missing: Mapping[str, str] | None = None,
) -> Table:
    """Print and save the values of each round. The first case is the reference."""
    reference, *_ = numbers
    ratios = []
    for name, found in numbers.items():
        of = [a / b for a, b in zip(found, numbers[reference], strict=True)]
        ratio = Ratio(
            name, statistics.median(found), statistics.median(of), min(of), max(of)
        )
        ratios.append(ratio)
    count = len(numbers[reference])
    table = Table(
        key, title, what, reference, count, ratios, aim, notes or {}, missing or {}
    )
    table.show()
    table.keep()
    return table


def compare(
    key: str,
    title: str,
    what: str,
    cases: Mapping[str, Callable[[], float]],
    *,
    rounds: int,
    aim: str = "",
) -> Table:
    """Measure every case once in each round, in random order.

    :param cases: functions that return the measured value; the first is the reference.
    """
    numbers: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name in random.sample(list(cases), len(cases)):
            numbers[name].append(cases[name]())
    return tabulate(key, title, what, numbers, aim=aim)


def seconds_each(work: Callable[[], object], *, at_least: float = 0.03) -> float:
    """Return the seconds of one call, from as many calls as fit into some seconds."""
    count = 1
    while True:
        started = time.perf_counter()
        for _ in range(count):
            work()
        took = time.perf_counter() - started
        if took >= at_least:
            return took / count
        count = max(count + 1, int(count * at_least / max(took, 1e-6) * 1.2))
