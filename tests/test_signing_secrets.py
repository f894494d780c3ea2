"""The secrets of an endpoint: from the config, or from a function of the app's."""

from __future__ import annotations

from typing import Any

import pytest

from flask_ycloud import ConfigurationError, UnknownTenant
from flask_ycloud.signing_secrets import Secrets, configured


@pytest.mark.parametrize(
    "value",
    ["one", b"one", ["one", "two"], ("one",), {"one"}, lambda: "one", lambda: ["one"]],
)
def test_secrets_in_every_shape(value: Any) -> None:
    assert "one" in [
        each.decode() if isinstance(each, bytes) else each
        for each in configured({"KEY": value}, "KEY").of()
    ]


def test_a_secret_store_is_asked_each_time() -> None:
    store = iter(["one", "two"])
    ask = configured({"KEY": lambda: next(store)}, "KEY").of
    assert [ask(), ask()] == [("one",), ("two",)]


@pytest.mark.parametrize(
    "value", [None, "", b"", [], ["hunter2", ""], ["hunter2", None], 7, 0]
)
def test_no_secret_means_no_start(value: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"KEY is .*It takes the signing"
    ) as caught:
        configured({"KEY": value}, "KEY")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigurationError):
        configured({"KEY": lambda: value}, "KEY").of()


def test_none_says_that_there_is_no_such_tenant() -> None:
    secrets = Secrets(lambda tenant, endpoint_id: None)
    with pytest.raises(UnknownTenant):
        secrets.of("acme")
    with pytest.raises(UnknownTenant):
        secrets.of(None, "wh1")


async def _coroutine(tenant: str | None, endpoint_id: str | None) -> str:
    return f"{tenant} {endpoint_id}"


def test_it_may_be_a_coroutine() -> None:
    assert Secrets(_coroutine).of("acme", "wh1") == ("acme wh1",)


PLACE = r"test_signing_secrets\.py:\d+ in broken\.$"


def test_what_it_raised_is_told_by_its_type_and_place() -> None:
    def broken(tenant: str | None, endpoint_id: str | None) -> str:
        return int("whsec_hunter2")  # type: ignore[return-value]

    async def later(tenant: str | None, endpoint_id: str | None) -> str:
        return broken(tenant, endpoint_id)

    for lookup in (broken, later):
        expected = rf"^secrets= raised ValueError at .*{PLACE}"
        with pytest.raises(ConfigurationError, match=expected) as caught:
            Secrets(lookup).of("acme")
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_so_it_is_for_a_function_in_the_config() -> None:
    def broken() -> str:
        raise LookupError("whsec_hunter2")

    secrets = configured({"KEY": broken}, "KEY")
    with pytest.raises(ConfigurationError, match=rf"^KEY raised LookupError at .*{PLACE}"):
        secrets.of()
