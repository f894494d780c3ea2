"""Answers of the API: bounded, and the key is not sent in the clear unnoticed."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable

import pytest
from flask import Response

from flask_ycloud import APIError
from flask_ycloud.api import WebhookEndpoints, YCloud
from flask_ycloud.api.answers import LONGEST_ANSWER

from ..ycloud_api import API_KEY, YCloudAPI

MIB = b" " * 1024**2


def endless(status: int = 200) -> Response:
    return Response((MIB for _ in range(300)), status)


def test_an_answer_of_any_size_is_bounded(
    account: YCloudAPI, endpoints: WebhookEndpoints
) -> None:
    account.failures = [endless()]
    tracemalloc.start()
    with pytest.raises(APIError, match="more than 16,777,216 bytes"):
        list(endpoints.list())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * LONGEST_ANSWER


def test_so_is_one_that_is_packed(account: YCloudAPI, endpoints: WebhookEndpoints) -> None:
    packed = gzip.compress(100 * MIB)
    account.failures = [Response(packed, headers={"Content-Encoding": "gzip"})]
    with pytest.raises(APIError, match="more than 16,777,216 bytes"):
        list(endpoints.list())


def test_a_long_error_is_still_an_error(
    account: YCloudAPI, endpoints: WebhookEndpoints, slept: list[float]
) -> None:
    account.failures = [endless(502)]
    assert list(endpoints.list()) == []
    assert len(slept) == 1
    account.failures = [endless(403)]
    with pytest.raises(APIError) as caught:
        list(endpoints.list())
    assert caught.value.status == 403


def test_deep_json_is_not_understood(
    account: YCloudAPI, endpoints: WebhookEndpoints
) -> None:
    account.failures = [Response(b"[" * 100_000), Response(b"[" * 60_000, 400)]
    with pytest.raises(APIError, match="no JSON object"):
        list(endpoints.list())
    with pytest.raises(APIError) as caught:
        list(endpoints.list())
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("url", "warns"),
    [
        ("http://api.example.org/v2", True),
        ("HTTP://10.0.0.1/v2", True),
        ("https://api.example.org/v2", False),
        ("http://127.0.0.1:5000/v2", False),
        ("http://localhost/v2", False),
        (None, False),
    ],
)
def test_a_url_without_https_is_warned_of(
    url: str | None, warns: bool, logged: Callable[[], str]
) -> None:
    with YCloud(API_KEY, base_url=url):
        pass
    assert ("has no HTTPS: anybody on the way can read the API key" in logged()) is warns
    assert API_KEY not in logged()
