"""Downloads: whole or not at all, bounded, and the key stays with YCloud."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Response

from flask_ycloud import APIError, APIUnreachable
from flask_ycloud.api import Download, YCloud

from ..ycloud_api import API_KEY, YCloudAPI, problem, serving

PICTURE = bytes(range(256)) * 1000


def redirect(location: str) -> Response:
    return Response(status=302, headers={"Location": location})


@pytest.fixture
def link(account: YCloudAPI, base_url: str) -> str:
    account.media["5926236"] = (PICTURE, "image/jpeg")
    return f"{base_url}/whatsapp/media/download/5926236?sig=s3cr3t"


def test_to_a_path(account: YCloudAPI, ycloud: YCloud, link: str, tmp_path: Path) -> None:
    digest = hashlib.sha256(PICTURE).hexdigest()
    for to in (tmp_path / "picture", str(tmp_path / "picture")):
        done = ycloud.download(link, to)
        assert done == Download(len(PICTURE), "image/jpeg", digest)
    assert (tmp_path / "picture").read_bytes() == PICTURE
    assert account.keys == [API_KEY] * 2


def test_to_a_file(ycloud: YCloud, link: str) -> None:
    file = io.BytesIO(b"before ")
    file.seek(0, io.SEEK_END)
    assert ycloud.download(link, file).size == len(PICTURE)
    assert file.getvalue() == b"before " + PICTURE


def left_as_it_was(folder: Path) -> bool:
    return [each.name for each in folder.iterdir()] == ["picture"] and (
        folder / "picture"
    ).read_bytes() == b"old"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    made = tmp_path / "media" / "picture"
    made.parent.mkdir()
    made.write_bytes(b"old")
    return made


def test_a_limit(account: YCloudAPI, ycloud: YCloud, link: str, old: Path) -> None:
    file = io.BytesIO()
    for to in (old, file):
        with pytest.raises(APIError, match=r"more than 1,000 bytes.* max_bytes") as failed:
            ycloud.download(link, to, max_bytes=1000)
        assert failed.value.status == 413
    assert left_as_it_was(old.parent)
    assert file.getvalue() == b""
    assert ycloud.download(link, old, max_bytes=len(PICTURE)).size == len(PICTURE)


def test_a_limit_where_the_size_is_not_told(
    account: YCloudAPI, ycloud: YCloud, link: str, old: Path
) -> None:
    account.failures.append(Response(iter([PICTURE] * 4), mimetype="image/jpeg"))
    with pytest.raises(APIError, match="413"):
        ycloud.download(link, old, max_bytes=2 * len(PICTURE))
    assert left_as_it_was(old.parent)


def test_media_that_are_not_there(ycloud: YCloud, base_url: str, old: Path) -> None:
    with pytest.raises(APIError, match="404 NOT_FOUND"):
        ycloud.download(f"{base_url}/whatsapp/media/download/1", old)
    assert left_as_it_was(old.parent)


def test_an_answer_that_breaks_off(
    account: YCloudAPI, ycloud: YCloud, link: str, old: Path, slept: list[float]
) -> None:
    def half() -> Response:
        headers = {"Content-Length": str(len(PICTURE))}
        return Response(iter([PICTURE[:1000]]), headers=headers)

    account.failures += [half() for _ in range(4)]
    with pytest.raises(APIUnreachable, match=r"^GET /v2/whatsapp/media/download/5926236: "):
        ycloud.download(link, old)
    assert left_as_it_was(old.parent)
    account.failures += [half(), problem(503, "BUSY", "Later.", Retry_After="7")]
    assert ycloud.download(link, old).size == len(PICTURE)
    assert old.read_bytes() == PICTURE
    assert slept == [0.5, 1.0, 2.0, 0.5, 7.0]


def test_a_file_that_cannot_be_written(ycloud: YCloud, link: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ycloud.download(link, tmp_path / "missing" / "picture")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        ycloud.download(link, tmp_path / "folder")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


# Where the key goes.


@pytest.mark.parametrize(
    "link",
    ["https://example.org/x", "http://api.ycloud.com/x", "https://api.ycloud.com@example.org",
     "https://api.ycloud.com.example.org/x", "https://notycloud.com/x", "file:///etc/passwd",
     "ftp://api.ycloud.com/x", "https://user:word@api.ycloud.com/x", "//api.ycloud.com/x",
     "http://127.0.0.1:9/x", "/whatsapp/media/download/1", "", "https://[", None],
)  # fmt: skip
def test_links_that_do_not_lead_to_ycloud(ycloud: YCloud, link: Any) -> None:
    with pytest.raises(ValueError, match="does not lead to YCloud") as refused:
        ycloud.download(link, io.BytesIO())
    assert "word" not in str(refused.value)


@pytest.mark.parametrize("host", ["api.ycloud.com", "ycloud.com", "eu.media.ycloud.com"])
def test_the_hosts_of_ycloud(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    asked: list[httpx.Request] = []

    def answer(_: object, request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=PICTURE)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
    with YCloud(API_KEY) as ycloud:
        ycloud.download(f"https://{host}/v2/media/1?sig=a%20b", io.BytesIO())
    (request,) = asked
    assert request.url.host == host
    assert request.url.raw_path == b"/v2/media/1?sig=a%20b"
    assert request.headers["X-API-Key"] == API_KEY


def test_a_redirect_elsewhere_gets_no_key(
    account: YCloudAPI, ycloud: YCloud, link: str, tmp_path: Path
) -> None:
    elsewhere = YCloudAPI()
    elsewhere.media["1"] = (PICTURE, "image/png")
    with serving(elsewhere) as url:
        account.failures.append(redirect(f"{url}/whatsapp/media/download/1?sig=s3cr3t"))
        done = ycloud.download(link, tmp_path / "picture")
    assert done.content_type == "image/png"
    assert (account.keys, elsewhere.keys) == ([API_KEY], [None])


def test_a_redirect_within_ycloud_keeps_the_key(
    account: YCloudAPI, ycloud: YCloud, link: str
) -> None:
    account.failures += [redirect("/v2/whatsapp/media/download/5926236") for _ in range(5)]
    assert ycloud.download(link, io.BytesIO()).size == len(PICTURE)
    assert account.keys == [API_KEY] * 6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: redirect("/v2/again"), "redirects more than 5 times"),
        (lambda: redirect("file:///etc/passwd"), "not plain http or https"),
        (lambda: redirect("http://user:word@127.0.0.1/"), "not plain http or https"),
    ],
)
def test_redirects_that_are_not_followed(
    account: YCloudAPI,
    ycloud: YCloud,
    link: str,
    old: Path,
    make: Callable[[], Response],
    message: str,
) -> None:
    account.failures += [make() for _ in range(6)]
    with pytest.raises(APIError, match=message):
        ycloud.download(link, old)
    assert left_as_it_was(old.parent)


def test_no_log_has_the_signature_of_a_link(
    ycloud: YCloud, link: str, logged: Callable[[], str]
) -> None:
    ycloud.download(link, io.BytesIO())
    assert "HTTP Request: GET" in logged()
    assert "s3cr3t" not in logged()
