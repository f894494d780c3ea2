"""What is published: the sdist, the wheel with its metadata, and how they get to PyPI."""

from __future__ import annotations

import configparser
import email.message
import email.parser
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
BUILD = (
    "from setuptools import build_meta as b; b.build_sdist('dist'); b.build_wheel('dist')"
)


def tracked() -> set[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a clone: its own sdist is where it comes from")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist and a wheel, built from a copy of the repository."""
    folder = tmp_path_factory.mktemp("build")
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    command = [sys.executable, "-W", "ignore", "-c", BUILD]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder / "dist"


@pytest.fixture(scope="module")
def wheel(dist: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(dist.glob("*.whl")))


@pytest.fixture(scope="module")
def about(wheel: zipfile.ZipFile) -> email.message.Message:
    name = next(each for each in wheel.namelist() if each.endswith("dist-info/METADATA"))
    return email.parser.Parser().parsestr(wheel.read(name).decode())


def everything(about: email.message.Message, name: str) -> list[str]:
    return about.get_all(name) or []


def test_the_metadata_says_what_it_is(about: email.message.Message) -> None:
    assert about["Name"] == "flask-ycloud"
    assert re.fullmatch(r"1\.\d+\.\d+", about["Version"])
    assert about["Author"] == "The flask-ycloud maintainers"
    assert about["License-Expression"] == "BSD-3-Clause"
    assert about["License"] is None
    assert about["Requires-Python"] == ">=3.10"
    urls = dict(each.split(", ") for each in everything(about, "Project-URL"))
    assert {"Documentation", "Source", "Issues", "Changelog", "Security"} <= set(urls)
    assert all(url.startswith("https://") for url in urls.values())


def test_the_classifiers_are_the_pythons_that_ci_tests(
    about: email.message.Message,
) -> None:
    classifiers = everything(about, "Classifier")
    assert "Development Status :: 5 - Production/Stable" in classifiers
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    tested = workflow["jobs"]["pythons"]["strategy"]["matrix"]["python"]
    claimed = re.findall(r"Python :: (3\.\d+)$", "\n".join(classifiers), re.M)
    assert claimed == tested


def test_the_extras_are_for_users(about: email.message.Message) -> None:
    """What developing needs is in the dependency groups of pyproject.toml."""
    extras = set(everything(about, "Provides-Extra"))
    assert extras >= {"api", "celery", "metrics", "otel", "postgresql"}
    assert not extras & {"dev", "test", "docs", "lint", "bench", "release"}
    makefile = (ROOT / "Makefile").read_text()
    developing = re.search(
        r"^DEVELOPING = -e '\.\[([a-z,]+)\]' --group dev$", makefile, re.M
    )
    assert developing is not None
    assert set(developing[1].split(",")) == extras
    read_the_docs = (ROOT / ".readthedocs.yaml").read_text()
    assert f"'.[{developing[1]}]'" in read_the_docs


def test_the_page_on_pypi_is_the_readme(about: email.message.Message) -> None:
    assert about["Description-Content-Type"] == "text/x-rst"
    assert about.get_payload() == (ROOT / "README.rst").read_text("utf-8")


def test_the_wheel_has_the_package_and_no_tests(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    package = {each for each in tracked() if each.startswith("flask_ycloud/")}
    left_out = {each for each in package - names if not each.endswith(".rst")}
    assert left_out == set()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "flask_ycloud",
        "pytest_flask_ycloud.py",
    }
    entries = next(each for each in names if each.endswith("entry_points.txt"))
    parser = configparser.ConfigParser()
    parser.read_string(wheel.read(entries).decode())
    assert parser["pytest11"]["flask_ycloud"] == "pytest_flask_ycloud"


def test_the_sdist_has_everything_and_its_tests_run(dist: Path, tmp_path: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    assert {each for each in tracked() if not (unpacked / each).exists()} == set()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["tests/protocol/test_signature.py", "tests/web/test_mounting.py"]
    ran = subprocess.run(command, cwd=unpacked, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"^\d+ passed", ran.stdout.splitlines()[-1])


def release() -> Any:
    return yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())


def test_a_release_may_do_no_more_than_it_needs() -> None:
    workflow = release()
    assert workflow["permissions"] == {}
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    assert build["permissions"] == {"contents": "read"}
    assert build["steps"][0]["with"] == {"persist-credentials": False}
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["environment"]["name"] == "pypi"
    assert publish["needs"] == "build"
    # What may ask for PyPI's trust runs no code of the repository.
    assert not any("run" in step for step in publish["steps"])


def test_the_actions_of_a_release_are_pinned() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    uses = re.findall(r"uses: (.*)", text)
    assert len(uses) == 5
    for each in uses:
        assert re.fullmatch(r"[\w/.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


def test_updates_are_proposed() -> None:
    config = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())
    ecosystems = {each["package-ecosystem"] for each in config["updates"]}
    assert ecosystems == {"github-actions", "pip"}


@pytest.mark.parametrize("name", ["bug.md", "feature.md", "../pull_request_template.md"])
def test_templates_ask_for_the_doctor(name: str) -> None:
    text = (ROOT / ".github" / "ISSUE_TEMPLATE" / name).read_text()
    assert "`flask ycloud doctor`" in text
