"""What two type checkers know of handlers and of the data of events."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import make_payloads

ROOT = Path(__file__).parent.parent
TYPING = ROOT / "tests" / "typing"
BIN = Path(sys.executable).parent

CODE = re.compile(r"^\.\. code-block:: python\n\n((?: {4}.*\n|\n)+)", re.M)


def expected() -> set[int]:
    lines = (TYPING / "bad.py").read_text("utf-8").splitlines()
    return {n for n, line in enumerate(lines, 1) if line.endswith("# refused")}


def rejected(output: str) -> set[int]:
    return {int(line) for line in re.findall(r"bad\.py:(\d+)(?::\d+ -|:) error", output)}


def mypy(file: Path) -> str:
    command = [sys.executable, "-m", "mypy", "--strict", str(file)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout


def pyright(file: Path) -> str:
    command = [str(BIN / "pyright"), "--pythonpath", sys.executable, str(file)]
    # The package may be installed in a way that pyright does not follow. The modules of a
    # folder are found from there.
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    place = file if file.is_dir() else ROOT
    ran = subprocess.run(command, capture_output=True, text=True, cwd=place, env=environ)
    if "informations" not in ran.stdout and os.environ.get("CI") != "true":
        pytest.skip("pyright cannot fetch its program here")
    return ran.stdout


checkers = pytest.mark.parametrize("checker", [mypy, pyright])


@checkers
def test_type_checkers_know_the_data(checker: Callable[[Path], str]) -> None:
    good = checker(TYPING / "good.py")
    assert re.search(r"Success: no issues|^0 errors", good, re.M), good
    bad = checker(TYPING / "bad.py")
    assert rejected(bad) == expected() != set(), bad


@checkers
@pytest.mark.parametrize("page", ["README.rst", "docs/event-types.rst"])
def test_the_code_of_the_documents_passes_as_it_is_written(
    page: str, checker: Callable[[Path], str], tmp_path: Path
) -> None:
    blocks = CODE.findall((ROOT / page).read_text("utf-8"))
    assert blocks
    file = tmp_path / "documented.py"
    code = "\n".join(textwrap.dedent(block) for block in blocks)
    file.write_text(f"# pyright: strict\n{code}", "utf-8")
    output = checker(file)
    assert re.search(r"Success: no issues|^0 errors", output, re.M), output


def test_the_payload_types_are_what_the_script_makes() -> None:
    assert make_payloads.TARGET.read_text("utf-8") == make_payloads.text()
