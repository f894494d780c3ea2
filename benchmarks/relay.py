"""A relay in front of PostgreSQL that delays and counts messages."""

from __future__ import annotations

import multiprocessing
import socket
import threading
import time
from types import TracebackType
from typing import Any

import sqlalchemy as sa

SERVER = ("127.0.0.1", 5432)
_STATEMENT = (ord("Q"), ord("E"))  # the messages that execute a statement


class Relay:
    """A TCP relay on loopback, in its own process.

    :param delay: the delay of each direction, in seconds.
    """

    def __init__(self, delay: float = 0.0) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._statements, self._turns = spawn.Value("q", 0), spawn.Value("q", 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        args = (self._listener, delay, self._statements, self._turns)
        self._process = spawn.Process(target=_serve, args=args, daemon=True)

    def __enter__(self) -> Relay:
        self._process.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.join()
        self._listener.close()

    @property
    def statements(self) -> int:
        """Return how many statements have passed the relay."""
        count: int = self._statements.value
        return count

    @property
    def round_trips(self) -> int:
        """Return the number of round trips: how often a client sent after an answer."""
        count: int = self._turns.value
        return count

    def url(self, url: str, **query: str) -> str:
        """Return the URL of a database through this relay, without TLS."""
        query |= {"sslmode": "disable", "gssencmode": "disable"}
        made = sa.make_url(url).set(port=self.port).update_query_dict(query)
        return made.render_as_string(hide_password=False)


def _serve(listener: socket.socket, delay: float, statements: Any, turns: Any) -> None:
    while True:
        client, _ = listener.accept()
        passing = _Passing(client, delay, statements, turns)
        for work in (passing.forward, passing.back):
            threading.Thread(target=work, daemon=True).start()


class _Passing:
    """Relay one connection."""

    def __init__(
        self, client: socket.socket, delay: float, statements: Any, turns: Any
    ) -> None:
        self._client, self._server = client, socket.create_connection(SERVER)
        for each in (self._client, self._server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._delay, self._statements, self._turns = delay, statements, turns
        self._answered = True
        self._parsed = bytearray()
        self._greeted = False

    def forward(self) -> None:
        """Pass on and count what the client sends."""
        while data := _read(self._client):
            if self._answered:
                self._answered = False
                with self._turns.get_lock():
                    self._turns.value += 1
            self._parsed += data
            self._count()
            self._pass(data, self._server)
        _close(self._server)

    def back(self) -> None:
        """Pass on what the server answers."""
        while data := _read(self._server):
            self._answered = True
            self._pass(data, self._client)
        _close(self._client)

    def _pass(self, data: bytes, to: socket.socket) -> None:
        if self._delay:
            time.sleep(self._delay)
        try:
            to.sendall(data)
        except OSError:
            _close(to)

    def _count(self) -> None:
        """Count the statements. The first message has no type byte."""
        while True:
            first = 1 if self._greeted else 0
            if len(self._parsed) < first + 4:
                return
            size = first + int.from_bytes(self._parsed[first : first + 4], "big")
            if len(self._parsed) < size:
                return
            if self._greeted and self._parsed[0] in _STATEMENT:
                with self._statements.get_lock():
                    self._statements.value += 1
            self._greeted = True
            del self._parsed[:size]


def _read(source: socket.socket) -> bytes:
    try:
        return source.recv(65_536)
    except OSError:
        return b""


def _close(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        end.close()
