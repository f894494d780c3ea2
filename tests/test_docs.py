"""The documents say what there is: links, names, settings, targets."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import docutils.core
import pytest
from docutils.writers import get_writer_class

import flask_ycloud

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


URLS = dict(
    each.split(", ") for each in metadata("flask-ycloud").get_all("Project-URL") or ()
)
RAW = URLS["Source"].replace("github.com", "raw.githubusercontent.com")
#: Where the pages of this site and the files of this repository are seen from outside.
PLACES = {
    f"{URLS['Documentation']}en/stable/": DOCS,
    f"{URLS['Source']}/blob/main/": ROOT,
    f"{URLS['Source']}/tree/main/": ROOT,
    f"{RAW}/main/": ROOT,
}


def file_at(target: str) -> Path | None:
    """The file that a link of ours leads to."""
    for place, folder in PLACES.items():
        if target.startswith(place):
            name = target.removeprefix(place).partition("#")[0]
            return folder / re.sub(r"\.html$", ".rst", name)
    return None


@pytest.mark.parametrize("name", ["README.rst", "CONTRIBUTING.rst"])
def test_links_are_absolute_and_lead_somewhere(name: str) -> None:
    """PyPI and the documentation show them, too."""
    text = (ROOT / name).read_text()
    found = re.findall(r"<([^<>\s]+)>`_|^\.\. image:: (\S+)", text, re.M)
    targets = [first or second for first, second in found]
    assert len(targets) >= 2
    for target in targets:
        assert target.startswith("https://"), target
        file = file_at(target)
        assert file is None or file.exists(), target


def test_pypi_can_render_the_readme() -> None:
    """No role or directive of Sphinx, and nothing that docutils complains about."""
    text = (ROOT / "README.rst").read_text()
    assert not re.search(r":\w+:`", text)
    complaints = io.StringIO()
    settings = {"report_level": 2, "halt_level": 5, "warning_stream": complaints}
    writer = get_writer_class("html5")()
    docutils.core.publish_string(text, writer=writer, settings_overrides=settings)
    assert complaints.getvalue() == ""


def test_an_example_can_be_run_without_the_others() -> None:
    """Tests that run in parallel may divide a page."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    every = subprocess.run(
        [*pytest, "--collect-only", "docs/operating.rst"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    last = [line for line in every.stdout.splitlines() if "::" in line][-1]
    ran = subprocess.run([*pytest, last], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert ran.returncode == 0, ran.stdout
    assert "1 passed" in ran.stdout


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
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", makefile, re.M)
    assert phony is not None
    targets = set(phony[1].replace("\\\n", " ").split())
    command = ["make", "--no-print-directory", "help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(re.findall(r"^  ([a-z]+) +\S", told.stdout, re.M)) == targets >= {"help"}
    assert max(map(len, told.stdout.splitlines())) <= 92


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


def test_the_files_of_the_first_change_exist() -> None:
    page = (DOCS / "first-change.rst").read_text()
    named = re.findall(r"``([\w.-]+/[\w./-]+\.\w+|\w+\.(?:rst|cfg))``", page)
    missing = {name for name in named if not (ROOT / name).exists()}
    assert len(named) >= 10
    assert missing == {"flask_ycloud/protocol/samples/sms.inbound.updated.json"}
    line = '"settings": settings,'
    assert line in page
    assert line in (ROOT / "flask_ycloud" / "cli" / "doctor.py").read_text()
