"""Guesses of a password: slower and slower, for whoever guesses."""

from __future__ import annotations

import threading

import pytest

from flask_ycloud.web.passwords import PasswordBrake

from ..conftest import Clock

RIGHT = "open sesame"
MALLORY, ANN = "198.51.100.1", "192.0.2.1"


@pytest.fixture
def brake(clock: Clock) -> PasswordBrake:
    return PasswordBrake(clock=clock)


def guess(brake: PasswordBrake, times: int, address: str | None = MALLORY) -> float:
    """Guess wrong some times, and give the wait that the last one met."""
    for number in range(times):
        attempt = brake.check(address, f"guess {number}", RIGHT)
        assert not attempt.right
    return attempt.wait


def test_waits_double_up_to_a_minute(brake: PasswordBrake, clock: Clock) -> None:
    assert guess(brake, 5) == 0.0, "people mistype"
    waits = []
    for _ in range(9):
        wait = guess(brake, 1)
        waits.append(wait)
        clock.now += wait - 0.01
        assert guess(brake, 1) == pytest.approx(0.01, abs=1e-3), "asking early adds nothing"
        clock.now += 0.02
        assert guess(brake, 1) == 0.0, "the next one is looked at"
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60])


def test_the_right_one_is_not_looked_at_while_it_waits(
    brake: PasswordBrake, clock: Clock
) -> None:
    guess(brake, 5)
    assert brake.check(MALLORY, RIGHT, RIGHT) == (False, 1.0)
    clock.now += 1
    assert brake.check(MALLORY, RIGHT, RIGHT) == (True, 0.0)
    assert guess(brake, 5) == 0.0, "and the right one ends the count"


def test_no_other_address_waits(brake: PasswordBrake) -> None:
    for _ in range(1_000):
        guess(brake, 1)
    assert brake.check(ANN, RIGHT, RIGHT).right
    assert brake.check(None, RIGHT, RIGHT).right
    guess(brake, 6, address=None)
    assert not brake.check("no address", RIGHT, RIGHT).right, "as over a Unix socket"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:198.51.100.1", "198.51.100.1", True),
        ("198.51.100.1", "198.51.100.2", False),
    ],
)
def test_which_addresses_are_one(
    brake: PasswordBrake, one: str, other: str, same: bool
) -> None:
    guess(brake, 6, address=one)
    assert brake.check(other, RIGHT, RIGHT).right != same


def test_very_many_addresses_share_their_waits(brake: PasswordBrake, clock: Clock) -> None:
    for number in range(1_000):
        guess(brake, 1, address=f"10.0.{number // 250}.{number % 250}")
    for number in range(6):
        wait = guess(brake, 1, address=f"203.0.113.{number}")
    assert wait > 0
    guess(brake, 1, address="10.0.0.1")
    assert len(brake._guessers) <= 1_001
    clock.now += 60
    assert brake.check("203.0.113.9", RIGHT, RIGHT).right
    clock.now += 601
    assert brake.check(ANN, "wrong", RIGHT) == (False, 0.0)
    assert len(brake._guessers) == 1, "old ones are forgotten"


def test_many_at_once_get_no_more_guesses(brake: PasswordBrake) -> None:
    looked_at = []

    def work() -> None:
        for number in range(50):
            if not brake.check(MALLORY, f"guess {number}", RIGHT).wait:
                looked_at.append(number)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(looked_at) == 5


@pytest.mark.parametrize("said", ["", "ä", "\ud800", "open sesam", "open sesame "])
def test_odd_passwords_are_wrong(brake: PasswordBrake, said: str) -> None:
    assert not brake.check(ANN, said, RIGHT).right
    assert brake.check(ANN, "pässword", "pässword").right
