"""Kill a real server with kill -9 200 times under load, on each kind of store.

    python -m scripts.torture [--kills N] [--seed N]

The script exits with 0 only if no event was lost, and no handler ran again after the inbox
had recorded its success.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from tests.processes import Site
from tests.torture import KILLED_THREADS, Report, torture

SERVER = "postgresql+psycopg://postgres@127.0.0.1/test"
SCHEMA = "ycloud_torture"


@contextmanager
def stores(folder: Path) -> Iterator[dict[str, str]]:
    """Return the stores to test; with PostgreSQL if a server answers."""
    found = {"SQLite": f"sqlite:///{folder}/inbox.db"}
    engine = sa.create_engine(SERVER, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
            connection.execute(sa.text(f"CREATE SCHEMA {SCHEMA}"))
    except (sa.exc.OperationalError, ModuleNotFoundError):
        print("No PostgreSQL answers on 127.0.0.1:5432: only SQLite is tested.")
        yield found
        return
    yield found | {"PostgreSQL": f"{SERVER}?options=-csearch_path%3D{SCHEMA}"}
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP SCHEMA {SCHEMA} CASCADE"))


def run(name: str, url: str, kills: int, seed: int) -> Report:
    columns = (f"{name:<10}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with tempfile.TemporaryDirectory() as folder, Progress(*columns) as progress:
        bar = progress.add_task(name, total=kills)
        site = Site(Path(folder), url)
        try:
            return torture(
                site, kills=kills, seed=seed, on_kill=lambda: progress.advance(bar)
            )
        finally:
            site.close()


def show(reports: dict[str, Report]) -> None:
    table = Table(
        "store", "kills", "acknowledged", "handled", "run again", "again per kill", "lost",
        "doubled",
        caption=f"Again per kill: at most {KILLED_THREADS} threads and one commit's worth.",
    )  # fmt: skip
    for name, report in reports.items():
        figures = (
            report.kills,
            report.acknowledged,
            report.handled,
            report.repeated,
            f"{report.again_per_kill:.2f}",
            report.lost,
            report.doubled,
        )
        table.add_row(name, *map(str, figures))
    Console().print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stores(Path(folder)) as urls:
        reports = {
            name: run(name, url, options.kills, options.seed) for name, url in urls.items()
        }
    show(reports)
    good = all(report.lost == report.doubled == 0 for report in reports.values())
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
