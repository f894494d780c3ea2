"""Sending: what a receiver answers is bounded, and leads nowhere else."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flask_ycloud.protocol import Target, is_loopback, post, sending

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Receiver:
    """Answers each connection with the same bytes, and keeps what it got."""

    def __init__(self, answer: bytes, *, endless: bytes = b"", pause: float = 0) -> None:
        self._answer = answer
        self._endless = endless
        self._pause = pause
        self.got: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.got.append(connection.recv(65_536))
                try:
                    connection.sendall(self._answer)
                    while self._endless:
                        connection.sendall(self._endless)
                        time.sleep(self._pause)
                except OSError:
                    continue

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextmanager
def receiving(
    answer: bytes = ANSWER, *, endless: bytes = b"", pause: float = 0
) -> Iterator[Receiver]:
    receiver = Receiver(answer, endless=endless, pause=pause)
    thread = threading.Thread(target=receiver.run)
    thread.start()
    yield receiver
    receiver.close()
    thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(status: int) -> None:
    with receiving() as other:
        redirect = f"HTTP/1.1 {status} Moved\r\nLocation: {other.url}\r\n\r\n".encode()
        with receiving(redirect) as receiver:
            answer = post(Target(receiver.url, "secret"), b"{}")
    assert (answer.status, answer.location) == (status, other.url)
    assert not answer.acknowledged
    assert other.got == []


def test_a_connection_that_is_reset_after_the_status_was_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer() -> None:
        connection, _ = server.accept()
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
        status_is_read.wait(20)
        linger = struct.pack("ii", 1, 0)  # so that closing it resets it
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()

    def read(response: Any, deadline: float) -> bytes:
        status_is_read.set()
        thread.join()
        return beginning(response, deadline)

    status_is_read, beginning = threading.Event(), sending._beginning
    monkeypatch.setattr(sending, "_beginning", read)
    thread = threading.Thread(target=answer)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert post(Target(url, "secret"), b"{}").status == 200


def test_no_proxy_is_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with receiving() as proxy, receiving() as receiver:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert post(Target(receiver.url, "secret"), b"{}").text == "ok"
        assert (len(proxy.got), len(receiver.got)) == (0, 1)
        assert post(Target("http://example.invalid/", "secret"), b"{}").text == "ok"
        assert proxy.got[0].startswith(b"POST http://example.invalid/ HTTP/1.1")


def test_an_endless_answer_is_cut() -> None:
    with receiving(b"HTTP/1.1 500 No\r\n\r\n", endless=b"x" * 65_536) as receiver:
        answer = post(Target(receiver.url, "secret"), b"{}")
    assert (answer.status, len(answer.text)) == (500, 65_536)


def test_a_slow_answer_is_cut() -> None:
    slow = receiving(b"HTTP/1.1 200 OK\r\n\r\n", endless=b"x", pause=0.01)
    with slow as receiver:
        started = time.monotonic()
        answer = post(Target(receiver.url, "secret"), b"{}", timeout=0.3)
    assert answer.status == 200
    assert 0 < len(answer.text) < 100
    assert time.monotonic() - started < 5


def test_what_is_not_http_is_no_answer() -> None:
    with (
        receiving(b"SSH-2.0-OpenSSH_9.2\r\n") as receiver,
        pytest.raises(OSError, match="not HTTP \\(BadStatusLine\\)"),
    ):
        post(Target(receiver.url, "secret"), b"{}")


@pytest.mark.parametrize(
    "url", ["ftp://example.org", "example.org", "http://x:port/", "http://[::1/"]
)
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        post(Target(url, "secret"), b"{}")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:5000/", True),
        ("http://127.8.9.10/", True),
        ("https://[::1]:8443/x", True),
        ("http://localhost/", True),
        ("http://app.localhost:80", True),
        ("http://localhost.example.org/", False),
        ("http://10.0.0.1/", False),
        ("https://api.ycloud.com/v2", False),
        ("http:///x", False),
    ],
)
def test_what_leads_to_this_machine(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
