"""The tree of errors, and what their messages say."""

from __future__ import annotations

import pytest

from flask_ycloud import errors


def test_every_error_is_a_ycloud_error() -> None:
    """One except clause catches them all."""
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, Exception):
            assert issubclass(value, (errors.YCloudError, Warning))


@pytest.mark.parametrize(("age", "word"), [(400, "400 s ago"), (-400, "400 s ahead")])
def test_stale_shows_both_numbers(age: float, word: str) -> None:
    error = errors.StaleSignature(age, 300)
    assert (error.age, error.tolerance) == (age, 300)
    assert word in str(error)
    assert "300 s are allowed" in str(error)


@pytest.mark.parametrize("after", [-1, float("nan")])
def test_retry_refuses_what_is_no_delay(after: float) -> None:
    with pytest.raises(ValueError, match="zero or more"):
        errors.Retry(after=after)


def test_type_and_stack_leaves_the_message_out() -> None:
    """A message may quote the payload."""
    try:
        int("+447901614024x")
    except ValueError as error:
        told = errors.type_and_stack(error)
    assert told.startswith("ValueError\n")
    assert "test_errors.py" in told
    assert "invalid literal" not in told
