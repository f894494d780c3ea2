"""The documents say what there is: links, names, settings, targets."""

from __future__ import annotations

import re
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
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.M)
    assert phony is not None
    for target in phony[1].split():
        assert re.search(rf"^{target}:.*## ", makefile, re.M), target


def test_nothing_names_a_folder_of_this_machine() -> None:
    for page in (*DOCS.glob("*.rst"), *ROOT.glob("*.rst")):
        assert not re.search(r"/(root|home|work)/\w", page.read_text()), page


def test_actions_are_pinned_and_keep_no_credentials() -> None:
    """A tag can be moved to other code; a commit cannot."""
    for path in (ROOT / ".github" / "workflows").glob("*.y*ml"):
        text = path.read_text("utf-8")
        for used in re.findall(r"uses: *(.*)", text):
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v[\d.]+", used), used
        for step in re.findall(r"- uses: actions/checkout@.*\n((?:        .*\n)*)", text):
            assert "persist-credentials: false" in step
