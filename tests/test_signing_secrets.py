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


def test_what_it_raised_is_told_by_its_type() -> None:
    def broken(tenant: str | None, endpoint_id: str | None) -> str:
        raise KeyError("whsec_hunter2")

    with pytest.raises(ConfigurationError, match="secrets= raised KeyError") as caught:
        Secrets(broken).of("acme")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
