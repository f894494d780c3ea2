"""Hostile input to the inspector's pages and to the commands, on each store.

python -m scripts.fuzz_pages [--cases 20000] [--seed N]
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from functools import partial

from flask import Flask
from rich.progress import Progress

from flask_ycloud import ycloud_bp
from flask_ycloud.runtime import runtime_of
from tests.fuzzing_pages import attack
from tests.support import SECRET


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--postgresql", help="The URL of an empty database to test.")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    logging.disable()
    with tempfile.TemporaryDirectory() as folder, Progress() as progress:
        urls = [f"sqlite:///{folder}/inbox.db", options.postgresql]
        for url in filter(None, urls):
            app = Flask("fuzzed", instance_path=folder)
            app.config.update(
                YCLOUD_WEBHOOK_SECRET=SECRET, YCLOUD_INBOX_URL=url,
                YCLOUD_DISPATCH="inline", YCLOUD_RETRY_DELAYS=[],
            )  # fmt: skip
            app.register_blueprint(ycloud_bp)
            name = runtime_of(app).inbox.database.dialect
            task = progress.add_task(f"Pages and commands, {name}", total=options.cases)
            attack(app, options.seed, options.cases, partial(progress.advance, task))
            runtime_of(app).dispatcher.stop()
    print("As promised.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
