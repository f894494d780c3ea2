"""Charts of the last hour, day or week, and the deliveries rejected in the last day."""

from __future__ import annotations

from datetime import datetime, timezone

from flask import current_app, render_template, request

from ..inbox import OUR_FAULTS, SPANS, activity, last_day
from ..protocol import EVENT_TYPES
from ..runtime import runtime_of
from .charts import bars, lines, marks
from .forms import pattern
from .names import handler_names


def activity_page() -> str:
    """Show the charts of all events, of one type or of one handler."""
    runtime = runtime_of(current_app)
    name = request.args.get("span", "")
    name = name if name in SPANS else "hour"
    event_type = pattern(request.args.get("type", "").strip()) or None
    handler = request.args.get("handler", "").strip() or None
    found = activity(runtime.inbox, SPANS[name], type=event_type, handler=handler)
    troubles = last_day(runtime.inbox)
    return render_template(
        "ycloud/activity.html",
        query={"span": name, "type": event_type, "handler": handler},
        spans=SPANS,
        step=SPANS[name].step,
        found=found,
        marks=[_at(each) for each in marks(found.intervals)],
        arrivals=bars(found.intervals, "arrived"),
        outcomes=bars(found.intervals, "succeeded", "failed", "discarded"),
        times=lines(found.intervals, "mean_seconds", "slowest_seconds"),
        since=_at,
        types=EVENT_TYPES,
        handlers=handler_names(runtime),
        rejected=troubles.rejected,
        conflicts=troubles.conflicts,
        passwords=troubles.passwords,
        our_faults=OUR_FAULTS,
    )


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
