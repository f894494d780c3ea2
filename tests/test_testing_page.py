"""The page on testing: its whole files run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "testing.rst").read_text("utf-8")

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def _files(pytester: pytest.Pytester) -> None:
    """The files of the page, in a folder of their own."""
    blocks = re.findall(
        r"^\.\. code-block:: py\n    :caption: (\S+)\n\n((?:    .*\n|\n)+)", PAGE, re.M
    )
    assert [name for name, _ in blocks] == [
        "shop.py",
        "test_shop.py",
        "test_shop_unittest.py",
    ]
    for name, code in blocks:
        (pytester.path / name).write_text(textwrap.dedent(code), "utf-8")


def test_the_file_for_pytest(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("-W", "error", "test_shop.py")
    result.assert_outcomes(passed=7)


def test_the_file_for_unittest(pytester: pytest.Pytester) -> None:
    command = [sys.executable, "-W", "error", "-m", "unittest", "test_shop_unittest"]
    ran = subprocess.run(
        command, cwd=pytester.path, capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, "Ran 4 tests" in ran.stderr) == (0, True), ran.stderr


def test_a_handler_of_one_test_does_not_run_in_the_next(pytester: pytest.Pytester) -> None:
    path = pytester.makepyfile(
        """
        import pytest, shop
        from flask_ycloud import event_signal, on_event, ycloud_bp

        @pytest.fixture
        def app():
            config = {"TESTING": True, "YCLOUD_WEBHOOK_SECRET": "whsec_of_the_tests"}
            return shop.create_app(config)

        def break_it(*args, **kwargs):
            raise ValueError

        def test_one(fake_ycloud):
            on_event("sms.message.updated")(break_it)
            ycloud_bp.on_event("sms.message.updated", name="own")(break_it)
            receiver = lambda app, event: break_it()
            event_signal("sms.*").connect(receiver, weak=False)
            assert len(fake_ycloud.send("sms.message.updated", raises=False).errors) == 3

        def test_two(fake_ycloud):
            delivery = fake_ycloud.send("sms.message.updated")
            assert list(delivery.handlers) == ["shop:track"]
        """
    )
    pytester.runpytest_inprocess(path).assert_outcomes(passed=2)
