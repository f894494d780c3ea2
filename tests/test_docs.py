"""The documents say what there is: links, names, settings, targets."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import flask_ycloud

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


@pytest.mark.parametrize("name", ["README.rst", "CONTRIBUTING.rst"])
def test_links_lead_somewhere(name: str) -> None:
    targets = re.findall(
        r"<([\w/.-]+)>`_|^.. image:: (\S+)", (ROOT / name).read_text(), re.M
    )
    files = [first or second for first, second in targets]
    assert len(files) >= 2
    for file in files:
        assert (ROOT / file).exists(), file


def test_every_page_is_in_the_contents() -> None:
    contents = (DOCS / "index.rst").read_text().split()
    for page in DOCS.glob("*.rst"):
        assert page.stem == "index" or page.stem in contents, page


@pytest.mark.parametrize("name", flask_ycloud.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    page = (DOCS / "api.rst").read_text()
    errors = (ROOT / "flask_ycloud" / "errors.py").read_text()
    assert f"flask_ycloud.{name}" in page or f"class {name}(" in errors


def test_every_setting_is_documented_and_no_other() -> None:
    settings = (ROOT / "flask_ycloud" / "settings.py").read_text()
    read = set(re.findall(r'"(YCLOUD_\w+)"', settings)) | {"YCLOUD_WEBHOOK_SECRET"}
    page = (DOCS / "configuration.rst").read_text()
    assert set(re.findall(r"^   \* - ``(YCLOUD_\w+)``", page, re.M)) == read


def test_make_help_lists_the_targets() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*(?:\\\n.*)*)$", makefile, re.M)
    assert phony is not None
    targets = set(phony[1].replace("\\\n", " ").split())
    command = ["make", "--no-print-directory", "help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(re.findall(r"^  ([a-z]+) +\S", told.stdout, re.M)) == targets >= {"help"}
    assert max(map(len, told.stdout.splitlines())) <= 92


def test_nothing_names_a_folder_of_this_machine() -> None:
    for page in (*DOCS.glob("*.rst"), *ROOT.glob("*.rst")):
        assert not re.search(r"/(root|home|work)/\w", page.read_text()), page
