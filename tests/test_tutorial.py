"""The tutorial, followed by hand: its files, its commands, and what they print."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .processes import _free_port, answers
from .support import eventually
from .test_payloads import checkers

PAGE = Path(__file__).parent.parent / "docs" / "tutorial.rst"
BLOCK = re.compile(
    r"^\.\. code-block:: (\w+)\n(?:   :caption: (.+)\n)?\n((?:   .*\n|\n)+)", re.M
)
#: A command, and the lines up to the next one.
COMMAND = re.compile(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", re.M)
PRINTED = "The server prints"


@dataclass(frozen=True)
class Block:
    language: str
    caption: str
    text: str


def blocks() -> list[Block]:
    return [
        Block(language, caption, textwrap.dedent(text).strip("\n") + "\n")
        for language, caption, text in BLOCK.findall(PAGE.read_text("utf-8"))
    ]


def pattern(shown: str) -> re.Pattern[str]:
    """What is shown, with any text for "…" and any white space between words."""
    words = (re.escape(word).replace("…", ".*?") for word in shown.split())
    return re.compile(r"\s+".join(words), re.S)


class Reader:
    """Somebody who does what the page says, in an empty folder with two terminals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.parent / "server.log"
        self.read = 0  # how much of the log was read before the block
        self.port = _free_port()
        self.server: subprocess.Popen[bytes] | None = None
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("FLASK_")},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            # The page uses port 5000, which may be taken here.
            "FLASK_RUN_PORT": str(self.port),
            "FLASK_YCLOUD_SEND_URL": f"http://127.0.0.1:{self.port}/ycloud/webhook",
        }

    def follow(self, block: Block) -> None:
        if block.language == "python":
            (self.folder / block.caption).write_text(block.text)
        elif block.caption == PRINTED:
            self.sees(block.text)
        else:
            assert block.language == "console", block
            for command, shown in COMMAND.findall(block.text):
                self.does(command, shown)

    def does(self, command: str, shown: str) -> None:
        if command.startswith("pip install"):
            return  # the tests' own installation has it
        if command.endswith("flask run"):
            self.stop()
            self.start(command)
        else:
            eventually(lambda: self.prints(command, shown), seconds=30)

    def prints(self, command: str, shown: str) -> bool:
        """Whether a command succeeds and prints that, perhaps at a later try."""
        ran = subprocess.run(
            ["sh", "-c", command], cwd=self.folder, env=self.environ, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
        )  # fmt: skip
        print(f"$ {command}\n{ran.stdout}")
        fits = bool(pattern(shown).fullmatch(ran.stdout.strip()))
        assert fits or is_a_question(command), ran.stdout
        return ran.returncode == 0 and fits

    def sees(self, shown: str) -> None:
        """The server prints it, after what it printed before."""

        def match() -> re.Match[str] | None:
            return pattern(shown).search(self.log.read_text()[self.read :])

        eventually(match, seconds=30)
        found = match()
        assert found is not None
        self.read += found.end()

    def start(self, command: str) -> None:
        with self.log.open("ab") as log:
            self.server = subprocess.Popen(
                ["sh", "-c", re.sub(r"flask run$", "exec flask run", command)],
                cwd=self.folder, env=self.environ, stdout=log, stderr=log,
            )  # fmt: skip
        eventually(lambda: answers(self.port))

    def stop(self) -> None:
        """Ctrl-C."""
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            self.server.wait(60)
            self.server = None


def is_a_question(command: str) -> bool:
    """What a reader may ask again, while the server is still at work."""
    return command.startswith(
        ("flask ycloud list", "flask ycloud show", "cat", "python -c")
    )


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    folder = tmp_path / "shop"
    folder.mkdir()
    made = Reader(folder)
    yield made
    made.stop()


def test_the_tutorial_can_be_followed(reader: Reader) -> None:
    kinds = set()
    for block in blocks():
        reader.follow(block)
        kinds.add(block.language)
    assert kinds == {"python", "console", "text"}
    assert (reader.folder / "letters" / "evt_anna.txt").exists()


def test_every_block_says_which_file_it_is() -> None:
    page = PAGE.read_text("utf-8")
    assert len(blocks()) == page.count(".. code-block::")
    assert not re.search(r"::\n\n    ", page)
    for block in blocks():
        assert block.language == "console" or block.caption, block.text


def test_the_tutorial_uses_public_names_only() -> None:
    for block in blocks():
        for module in re.findall(r"(?:from|import) (flask_ycloud[\w.]*)", block.text):
            assert module in (
                "flask_ycloud",
                "flask_ycloud.payloads",
                "flask_ycloud.testing",
            )


@checkers
def test_type_checkers_accept_it(checker: Callable[[Path], str], tmp_path: Path) -> None:
    for block in blocks():
        if block.language == "python":
            (tmp_path / block.caption).write_text(block.text)
    output = checker(tmp_path)
    assert re.search(r"Success: no issues|^0 errors", output, re.M), output
