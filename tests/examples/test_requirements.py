"""What the examples require, and what their pages say to install."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from .support import EXAMPLES, needed_by_tests, offered, required

FILES = sorted(EXAMPLES.glob("*/requirements.txt"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_they_agree_with_setup_cfg(file: Path) -> None:
    """The extras exist, and a lower bound is that with which the tests run."""
    extras = offered()
    tested = {canonicalize_name(each.name): each for each in needed_by_tests()}
    for each in required(file):
        if each.name == "flask-ycloud":
            assert each.extras <= extras.keys()
            assert not each.specifier
        elif each.specifier:
            assert each.specifier == tested[canonicalize_name(each.name)].specifier
    assert "flask-ycloud" in {each.name for each in required(file)}


def test_every_folder_says_how_to_use_it() -> None:
    for folder in ("celery", "docker", "kubernetes", "nginx", "systemd", "tenants"):
        page = (EXAMPLES / folder / "README.rst").read_text()
        for each in (EXAMPLES / folder).iterdir():
            if each.is_file() and each.name not in {"README.rst", ".dockerignore"}:
                assert f"``{each.name}``" in page, (folder, each.name)


def test_no_page_names_a_file_that_is_not_there() -> None:
    for page in EXAMPLES.glob("*/README.rst"):
        for name in re.findall(r"\bexamples/[\w./-]*\w", page.read_text()):
            assert (EXAMPLES.parent / name).exists(), (page, name)
