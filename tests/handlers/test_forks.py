"""A child that a handler forks, and that comes back out of the handler."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import Event, parse_event
from flask_ycloud.handlers import invocation

from ..support import body_of

APP = Flask(__name__)

# The parent waits for each child, so one that lived on would hold it for ever.
SCRIPT = """
import os, sys, tempfile, time
from flask import Flask
from flask_ycloud import current_inbox, on_event, ycloud_bp
from flask_ycloud.testing import FakeYCloud

app = Flask("forks", instance_path=tempfile.mkdtemp())
app.config.update(YCLOUD_WEBHOOK_SECRET="whsec_of_the_tests", YCLOUD_RETRY_DELAYS=[],
                  YCLOUD_DISPATCH={dispatch!r}, TESTING={dispatch!r} == "inline")
app.register_blueprint(ycloud_bp)
statuses = []

def fork(end):
    child = os.fork()
    if child:
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return True
    print("child", end, end=" ")
    if end == "exit":
        sys.exit(3)
    if end == "raise":
        raise ValueError
    return False

@on_event("sms.message.updated")
def plain(event):
    fork("return") and fork("exit") and fork("raise")

@on_event("sms.message.updated")
async def coroutine(event):
    fork("exit")

app.testing = True
delivery = FakeYCloud(app).send("sms.message.updated")
app.testing = False
until = time.monotonic() + 20
with app.app_context():
    while (event := current_inbox.get(delivery.event["id"])).state != "done":
        assert time.monotonic() < until, event
        time.sleep(0.01)
assert [each.state for each in event.handlers] == ["succeeded"] * 2, event.handlers
assert statuses == [0, 3, 1, 3], statuses
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("dispatch", ["worker", "inline"])
def test_it_does_not_live_on_as_a_second_worker(dispatch: str) -> None:
    source = SCRIPT.format(dispatch=dispatch)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", source]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "child return child exit child raise child exit "
    assert ran.stderr.count("has left the handler. It ends here") == 4


class Ended(BaseException):
    pass


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, 0), (SystemExit(), 0), (SystemExit(3), 3), (SystemExit("why"), 1),
        (ValueError(), 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("flushed", [True, False])
def test_the_status_of_the_child(
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException | None,
    status: int,
    flushed: bool,
) -> None:
    """As that of a process that ends so, whatever becomes of its output."""
    ended: list[int] = []

    def end(status: int) -> None:
        ended.append(status)
        raise Ended

    class Output:
        def flush(self) -> None:
            if not flushed:
                raise OSError

    def handle(app: Flask, event: Event[Any]) -> None:
        monkeypatch.setattr(os, "getpid", lambda: 0)
        if error is not None:
            raise error

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(sys, "stdout", Output())
    with pytest.raises(Ended):
        invocation._call(handle, APP, parse_event(body_of()), None)
    assert ended == [status]
