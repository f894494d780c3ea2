"""Environments with what a requirements file brings, and programs that check files."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"

#: Debian's package of a program that CI must have: ``make servers`` installs it.
IN_CI = {"nginx", "systemd-analyze"}


def program(name: str) -> str:
    """Where a program is. Skip without it; in CI fail if it must be there."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        if os.environ.get("CI") == "true" and name in IN_CI:
            pytest.fail(f"{name} is not installed; make servers installs it")
        pytest.skip(f"{name} is not installed")
    return found


def check(*command: str, cwd: Path | None = None) -> str:
    """Run a program that must succeed, and give all it says."""
    done = subprocess.run(
        command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def required(file: Path) -> list[Requirement]:
    """The lines of a requirements file."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def offered() -> dict[str, list[Requirement]]:
    """The extras of setup.cfg, and what each brings."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    extras = parser["options.extras_require"]
    return {
        name: [Requirement(line) for line in lines.split()]
        for name, lines in extras.items()
    }


def needed_by_tests() -> list[Requirement]:
    """What the tests need besides: the dependency group of pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text()
    (group,) = re.findall(r"^test = \[\n(.*?)^\]", text, re.M | re.S)
    return [Requirement(line) for line in re.findall(r'"(.*)"', group)]


def fresh_environment(folder: Path, file: Path) -> Path:
    """The Python of an environment that has what a requirements file brings, and no more.

    As pip would make it, from what is installed here: in a second, and without a network.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    (site,) = folder.glob("lib/python*/site-packages")
    for distribution in _closure(required(file)):
        if canonicalize_name(distribution.metadata["Name"]) == "flask-ycloud":
            continue
        for name in {each.parts[0] for each in distribution.files or ()} - {".."}:
            source = Path(str(distribution.locate_file(name)))
            if name != "__pycache__" and source.exists() and not (site / name).exists():
                (site / name).symlink_to(source)
    (site / "flask_ycloud").symlink_to(ROOT / "flask_ycloud")
    return python


def _closure(requirements: list[Requirement]) -> Iterator[metadata.Distribution]:
    """What these bring, with all that it needs itself."""
    waiting = [(each.name, extra) for each in requirements for extra in {"", *each.extras}]
    seen = set[tuple[str, str]]()
    while waiting:
        name, extra = waiting.pop()
        if (canonicalize_name(name), extra) in seen:
            continue
        seen.add((canonicalize_name(name), extra))
        distribution = metadata.distribution(name)
        yield distribution
        for needed in map(Requirement, distribution.requires or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(needed.name, each) for each in {"", *needed.extras}]


def without_site(environ: dict[str, str]) -> dict[str, str]:
    """An environment in which only the fresh one's packages are found."""
    return {
        name: value
        for name, value in {**os.environ, **environ}.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "COVERAGE"))
    }
