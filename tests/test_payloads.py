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


def mypy(*files: Path) -> str:
    command = [sys.executable, "-m", "mypy", "--strict", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout


def pyright(*files: Path) -> str:
    command = [str(BIN / "pyright"), "--pythonpath", sys.executable, *map(str, files)]
    # The package may be installed in a way that pyright does not follow. The modules of a
    # folder are found from there.
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    place = files[0] if files[0].is_dir() else ROOT
    ran = subprocess.run(command, capture_output=True, text=True, cwd=place, env=environ)
    if "informations" not in ran.stdout and os.environ.get("CI") != "true":
        pytest.skip("pyright cannot fetch its program here")
    return ran.stdout


checkers = pytest.mark.parametrize("checker", [mypy, pyright])


@checkers
def test_type_checkers_know_the_data(checker: Callable[..., str], tmp_path: Path) -> None:
    """They accept good code and that of the documents, and find each error in bad code."""
    pages = [
        _code_of(page, tmp_path) for page in ("README", "docs/event-types", "docs/recipes")
    ]
    output = checker(TYPING / "good.py", TYPING / "bad.py", *pages)
    found = re.findall(r"(\w+\.py):(\d+)(?::\d+ -|:) error", output)
    assert {int(line) for file, line in found if file == "bad.py"} == expected() != set()
    assert {file for file, _ in found} == {"bad.py"}, output


def _code_of(page: str, folder: Path) -> Path:
    blocks = CODE.findall((ROOT / f"{page}.rst").read_text("utf-8"))
    assert blocks
    code = "\n".join(textwrap.dedent(block) for block in blocks)
    file = folder / f"{Path(page).stem.lower().replace('-', '_')}.py"
    file.write_text(f"# pyright: strict\n{code}", "utf-8")
    return file


def test_the_payload_types_are_what_the_script_makes() -> None:
    assert make_payloads.TARGET.read_text("utf-8") == make_payloads.text()
