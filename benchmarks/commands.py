"""Duration of commands, compared with ``flask routes`` without this package.

    python -m benchmarks.commands

Set ROUNDS in the environment to a lower number for a shorter run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .rounds import setting, tabulate

BARE = """
from flask import Flask

app = Flask(__name__)
"""
OURS = """
from flask import Flask
from flask_ycloud import on_event, ycloud_bp

app = Flask(__name__)
app.config["YCLOUD_WEBHOOK_SECRET"] = "whsec_of_the_benchmark"
app.register_blueprint(ycloud_bp)
on_event("sms.message.updated")(print)
"""
CASES = {
    "flask routes, without this package": ("bare", "routes"),
    "flask routes": ("ours", "routes"),
    "flask ycloud --help": ("ours", "ycloud", "--help"),
    "flask ycloud types": ("ours", "ycloud", "types"),
    "flask ycloud handlers": ("ours", "ycloud", "handlers"),
    "flask ycloud send --help": ("ours", "ycloud", "send", "--help"),
    "flask ycloud list --help": ("ours", "ycloud", "list", "--help"),
    "flask ycloud list": ("ours", "ycloud", "list"),
}


def measure(folder: Path, app: str, *args: str) -> float:
    """Return the seconds of one command in its own process."""
    command = [sys.executable, "-m", "flask", "--app", app, *args]
    # An installed package has its bytecode, so a command does not compile it.
    environ = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    found: dict[str, list[float]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "bare.py").write_text(BARE)
        (folder / "ours.py").write_text(OURS)
        for args in CASES.values():
            measure(folder, *args)  # writes the bytecode, and creates the inbox
        for _ in range(setting("ROUNDS", 20)):
            for name, args in CASES.items():
                found[name].append(measure(folder, *args))
    tabulate(
        "commands",
        "Commands, from start to end",
        "time of a command",
        found,
        notes={"flask ycloud list": "it reads the inbox, so it imports SQLAlchemy"},
    )


if __name__ == "__main__":
    main()
