"""Commands of ``flask`` in processes of their own, which have imported Flask already.

A new interpreter needs half a second of processor time to import what a command needs.
These processes are forked from one that has done so. The command itself runs as usual.
"""

from __future__ import annotations

import multiprocessing
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from flask.cli import main

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    [
        "flask_migrate", "flask_sqlalchemy", "sqlalchemy.dialects.postgresql.psycopg",
        "flask_ycloud.inbox", "flask_ycloud.web", __name__,
    ]
)  # fmt: skip
#: What only a shell understands.
_SHELL = set("|<>&;$`*?~")


def can_run(command: str) -> bool:
    """Whether a line needs no shell, and ends by itself."""
    return command.startswith("flask ") and not _SHELL & set(command)


def run_line(
    command: str, folder: Path, environ: Mapping[str, str], text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a line of a document."""
    return run(shlex.split(command)[1:], folder, environ, text)


def run(
    args: Sequence[str], folder: Path, environ: Mapping[str, str], text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run ``flask`` with arguments, and give its exit status and all that it printed.

    :param text: what it reads.
    """
    with NamedTemporaryFile("w") as given, NamedTemporaryFile() as printed:
        given.write(text)
        given.flush()
        streams = given.name, printed.name
        process = _forks.Process(
            target=_flask, args=(list(args), str(folder), dict(environ), streams)
        )
        process.start()
        process.join(120)
        assert process.exitcode is not None, f"flask {shlex.join(args)} does not end"
        said = printed.read().decode()
    return subprocess.CompletedProcess(list(args), process.exitcode, said)


def _flask(
    args: list[str], folder: str, environ: dict[str, str], streams: tuple[str, str]
) -> None:
    given, printed = streams
    os.dup2(os.open(given, os.O_RDONLY), 0)
    for number in (1, 2):
        os.dup2(os.open(printed, os.O_WRONLY | os.O_APPEND), number)
    sys.stdin = os.fdopen(0)  # multiprocessing has closed it
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.path.insert(0, folder)
    sys.argv = ["flask", *args]
    main()
