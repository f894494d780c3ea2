"""Terminals and files that cannot have every character."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flask_ycloud.cli.encoding import replace_what_cannot_be_shown

from ..support import SECRET

APP = f"""
from flask import Flask
from flask_ycloud import ycloud_bp

app = Flask(__name__)
app.config["YCLOUD_WEBHOOK_SECRET"] = "{SECRET}"
app.register_blueprint(ycloud_bp)
"""


@pytest.mark.parametrize(
    ("encoding", "arrow"),
    [("cp1252", "->"), ("latin-1", "->"), ("ascii", None), ("utf-8", "→")],
)
def test_a_command_ends_well_in_any_encoding(
    tmp_path: Path, encoding: str, arrow: str | None
) -> None:
    (tmp_path / "app.py").write_text(APP)
    ran = subprocess.run(
        [sys.executable, "-m", "flask", "ycloud", "doctor"], cwd=tmp_path, timeout=60,
        env=os.environ | {"PYTHONIOENCODING": encoding}, capture_output=True,
    )  # fmt: skip
    # For ASCII click writes UTF-8: it takes that encoding for a mistake.
    out = ran.stdout.decode("utf-8" if encoding == "ascii" else encoding)
    assert b"UnicodeEncodeError" not in ran.stderr
    assert "account     YCLOUD_API_KEY is not set" in out, "it goes on to the end"
    assert f"{arrow or '→'} Is the module with @on_event imported?" in out


def test_characters_have_stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "latin-1"))
    monkeypatch.setattr(sys, "stderr", None)
    replace_what_cannot_be_shown()
    print("a → b… é ☃ 😀", flush=True)
    assert written.getvalue().decode("latin-1") == f"a -> b... é ? ?{os.linesep}"


def test_it_is_for_writing_only() -> None:
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", "flask_ycloud.replace")
