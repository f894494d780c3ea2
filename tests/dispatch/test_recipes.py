"""The recipes for other task queues, as they are written: a web process and a worker."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from huey import RedisHuey

from flask_ycloud.inbox import Database, Inbox, open_engine

from ..conftest import needs
from ..processes import Sender, _free_port, answers, bodies
from ..support import SECRET, eventually, id_of

RECIPES = Path(__file__).parent.parent.parent / "examples" / "recipes"

WORKERS = {
    "with_rq": [
        "rq.cli",
        "worker",
        "--with-scheduler",
        "--url",
        "{redis}",
        "--serializer",
        "rq.serializers.JSONSerializer",
        "{queue}",
    ],
    "with_dramatiq": ["dramatiq", "with_dramatiq", "--processes", "1", "--threads", "4"],
    "with_huey": ["huey.bin.huey_consumer", "with_huey.huey", "-w", "4"],
}


@pytest.mark.parametrize("recipe", WORKERS)
def test_a_recipe_handles_what_is_accepted(
    recipe: str, tmp_path: Path, postgresql_url: str
) -> None:
    needs("Redis", 6379)
    shutil.copy(RECIPES / f"{recipe}.py", tmp_path)
    queue, redis = f"ycloud-{uuid.uuid4().hex}", "redis://127.0.0.1:6379/0"
    environ = os.environ | {
        "FLASK_YCLOUD_WEBHOOK_SECRET": SECRET,
        "FLASK_YCLOUD_INBOX_URL": postgresql_url,
        "REDIS_URL": redis,
        "QUEUE": queue,
        "HUEY_SECRET": uuid.uuid4().hex,
        "PYTHONPATH": str(tmp_path),
    }
    port = _free_port()
    web = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "--threads", "4"]
    worker = [each.format(queue=queue, redis=redis) for each in WORKERS[recipe]]
    commands = [[*web, f"{recipe}:app"], [sys.executable, "-m", *worker]]
    engine = open_engine(postgresql_url)
    inbox = Inbox(Database(engine))
    forged = forge(recipe, redis, queue, tmp_path / "forged")
    with (tmp_path / "log").open("wb") as log:
        running = [
            subprocess.Popen(each, cwd=tmp_path, env=environ, stdout=log, stderr=log)
            for each in commands
        ]
        try:
            eventually(lambda: answers(port))
            sender, events = Sender(port), bodies(9)
            sender.send(events)
            assert sender.acknowledged == set(map(id_of, events))
            eventually(lambda: len(inbox.list(state="done", limit=99)) == 9, seconds=60)
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(30)
            engine.dispose()
    assert not forged.exists()
    log_text = (tmp_path / "log").read_text()
    assert all(log_text.count(f"handled {id_of(each)}") == 1 for each in events)


def forge(recipe: str, redis: str, queue: str, file: Path) -> Path:
    """Put a pickle into Huey's queue that makes a file if a worker loads it."""
    if recipe == "with_huey":
        storage = RedisHuey(queue, url=redis).storage
        storage.enqueue(pickle.dumps(Touch(file)))
    return file


class Touch:
    """Who unpickles it makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.file),)


def test_the_forgery_is_one(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Touch(tmp_path / "forged")))
    assert (tmp_path / "forged").exists()


def test_the_recipes_are_whole_apps() -> None:
    """So that they can be copied."""
    for path in RECIPES.glob("*.py"):
        assert "app = Flask(__name__)" in path.read_text("utf-8")
    assert {path.stem for path in RECIPES.glob("*.py")} == set(WORKERS)
