"""The command that sends a body, run by a real shell."""

from __future__ import annotations

import subprocess

import pytest

from flask_ycloud.inspector.curl import as_curl
from flask_ycloud.protocol import verify

SECRET = "whsec_it's $HOME"


@pytest.mark.parametrize(
    "text", ["{}", 'it\'s $HOME `x` \\n "é" %s', "-n", "a\nb", "'" * 50, "漢" * 20_000]
)
def test_the_shell_signs_it(text: str) -> None:
    command = as_curl(text.encode(), "http://127.0.0.1:1/a?b=c&d", "KEY")
    assert command is not None
    assert SECRET not in command
    spoken = command.replace("curl ", "printf '%s\\n' ")
    env = {"KEY": SECRET, "PATH": "/usr/bin:/bin"}
    run = subprocess.run(["sh", "-c", spoken], env=env, capture_output=True, check=True)
    parts = run.stdout.decode().split("\n", 7)
    assert parts[:2] == ["-i", "http://127.0.0.1:1/a?b=c&d"]
    name, _, header = parts[5].partition(": ")
    assert name == "YCloud-Signature"
    assert parts[7] == f"{text}\n"
    verify(text.encode(), header, [SECRET], tolerance=60)


@pytest.mark.parametrize("body", [b"", b"\xff", b"a\0b", b"x\n", b"x" * 70_000])
def test_what_no_shell_can_have(body: bytes) -> None:
    assert as_curl(body, "http://x", "KEY") is None
