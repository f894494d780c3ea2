"""The state of the inbox, as gauges for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flask import Flask
from prometheus_client.core import GaugeMetricFamily

from .errors import InboxUnavailable
from .inbox import Stats, Troubles, heartbeats, lately, newest_arrivals
from .runtime import Runtime, runtime_of


class Backlog:
    """The inbox of an app, as a collector for a registry of prometheus_client.

    It reads the database, so the values are the same in every process: register it in one
    of them. The number of stored events does not slow it down.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the gauges; only ``ycloud_inbox_up``, as 0, if the inbox cannot be read."""
        runtime = runtime_of(self._app)
        try:
            found = [*_of_stats(runtime.inbox.stats()), *_of_the_rest(runtime)]
        except InboxUnavailable:
            found = []
        yield _gauge("ycloud_inbox_up", "1 if the inbox can be read.", float(bool(found)))
        yield from found


def _of_stats(stats: Stats) -> Iterator[GaugeMetricFamily]:
    states = {each: getattr(stats, each) for each in ("pending", "running", "dead")}
    yield _labelled("ycloud_inbox_events", "Events that are not done.", "state", states)
    yield _gauge(
        "ycloud_inbox_oldest_pending_seconds",
        "Age in seconds of the oldest pending event; 0 if there is none.",
        stats.oldest_pending_seconds or 0.0,
    )
    yield _gauge(
        "ycloud_inbox_unhandled_events",
        "Events that are done because no handler was subscribed to them.",
        stats.unhandled,
    )
    paused = GaugeMetricFamily(
        "ycloud_paused", "1 for each pause that is in force.", labels=["kind", "name"]
    )
    for each in stats.pauses:
        paused.add_metric([each.kind, each.name], 1)
    yield paused
    running = stats.running_handlers
    yield _gauge(
        "ycloud_inbox_longest_running_seconds",
        "Seconds that the slowest handler has been running; 0 if less than one second.",
        running[0].seconds if running else 0.0,
    )


def _of_the_rest(runtime: Runtime) -> Iterator[GaugeMetricFamily]:
    inbox, endpoints = runtime.inbox, runtime.endpoints
    yield _gauge(
        "ycloud_inbox_overdue_seconds",
        "Seconds that the first due event has been due; 0 if there is none.",
        inbox.overdue_seconds(),
    )
    yield _labelled(
        "ycloud_newest_delivery_seconds",
        "Seconds since the newest event of an endpoint arrived, if there is one.",
        "endpoint",
        newest_arrivals(inbox, endpoints),
    )
    if runtime.dispatch in ("worker", "manual"):
        yield _labelled(
            "ycloud_workers",
            "Processes that handle events: those alive, and those that ended in the last"
            " day without signing off.",
            "state",
            heartbeats.alive_and_silent(inbox),
        )
    yield from _of_troubles(lately(inbox), dict.fromkeys(endpoints, 0))


def _of_troubles(found: Troubles, none: dict[str, int]) -> Iterator[GaugeMetricFamily]:
    """The numbers of this hour and the one before, for each endpoint.

    They are not counters: the counters of a process are lost when it ends.
    """
    for name, text, counts in (
        ("conflicted_deliveries", "Deliveries of a known id with another body",
         found.conflicts),
        ("taken_over_events", "Events that lost their lease and ran again",
         found.taken_over),
        ("cut_short_events", "Events that were still running when their process ended",
         found.cut_short),
    ):  # fmt: skip
        text += ", in this hour and the one before."
        yield _labelled(f"ycloud_recent_{name}", text, "endpoint", none | counts)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _labelled(
    name: str, text: str, label: str, values: Mapping[str, float]
) -> GaugeMetricFamily:
    """A gauge with a value for each word of a label."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for word, value in values.items():
        family.add_metric([word], value)
    return family
