"""Handling one event, with an increasing number of unrelated handlers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable

from flask import Flask

from flask_ycloud import WebhookBlueprint
from flask_ycloud.handlers import handlers_for
from flask_ycloud.protocol import EVENT_TYPES, sample_event
from flask_ycloud.runtime import runtime_of

from .rounds import compare, seconds_each

TYPE = "sms.message.updated"
OTHERS = [name for name in EVENT_TYPES if name != TYPE]


def case(unrelated: int) -> Callable[[], float]:
    """Return a call that finds an event's handlers among ``unrelated`` others."""
    app = Flask(f"with{unrelated}", instance_path=tempfile.mkdtemp())
    app.config["YCLOUD_WEBHOOK_SECRET"] = "k"
    blueprint = WebhookBlueprint("ycloud")
    app.register_blueprint(blueprint)
    blueprint.on_event(TYPE, name="one")(lambda event: None)
    for number in range(unrelated):
        name = OTHERS[number % len(OTHERS)]
        blueprint.on_event(name, name=f"other {number}")(lambda event: None)
    scopes = runtime_of(app).scopes("ycloud")
    assert list(handlers_for(app, TYPE, *scopes)) == ["one"]
    sample_event(TYPE)
    return lambda: seconds_each(lambda: handlers_for(app, TYPE, *scopes))


def main(rounds: int = 25) -> None:
    counts = (1, 100, 1000)
    compare(
        "dispatch",
        "Finding an event's handlers",
        "time, by the number of unrelated handlers",
        {f"{count} unrelated": case(count) for count in counts},
        rounds=rounds,
    )


if __name__ == "__main__":
    main()
