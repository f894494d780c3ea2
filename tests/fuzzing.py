"""Hostile requests: real deliveries mutated, wrong framing, and noise."""

from __future__ import annotations

import random
import resource
import socket
import time

from flask_ycloud import sign

from .support import PATH, SECRET, body_of

_BODIES = [body_of(name) for name in ("sms.message.updated", "contact.created")]
_HUGE = b"x" * (2**20 + 100)


def hostile_request(rng: random.Random) -> bytes:
    """One that must be refused: the bytes of a whole HTTP request, more or less."""
    body = rng.choice((_mutated, _mutated, _noise, _nested, _huge))(rng)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    if rng.random() < 0.9:
        head += f"YCloud-Signature: {_signature(rng, body)}\r\n"
    framing, body = _framed(rng, body)
    return f"{head}{framing}\r\n".encode("latin-1") + body


def send(port: int, request: bytes, *, pause: float = 0.0) -> int:
    """Send it and give the status; 0 if the connection ended without one.

    :param pause: seconds to wait in the middle, like a slow client.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            if pause:
                half = len(request) // 2
                connection.sendall(request[:half])
                time.sleep(pause)
                request = request[half:]
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it answered without reading on
        try:
            answer = connection.recv(4096)
        except (ConnectionResetError, TimeoutError):
            answer = b""
    return int(answer.split()[1]) if answer.startswith(b"HTTP/") else 0


def resident(pid: int | str) -> int:
    """Bytes of memory of a process."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def workers_of(pid: int) -> list[str]:
    """The process ids of a gunicorn's workers."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return file.read().split()


def _mutated(rng: random.Random) -> bytes:
    body = bytearray(rng.choice(_BODIES))
    for _ in range(rng.randrange(1, 6)):
        body[rng.randrange(len(body))] = rng.randrange(256)
    return bytes(body)


def _noise(rng: random.Random) -> bytes:
    return b"payload" + rng.randbytes(rng.randrange(2000))


def _nested(rng: random.Random) -> bytes:
    return rng.choice((b"[", b'{"a":')) * rng.randrange(5000)


def _huge(rng: random.Random) -> bytes:
    return _HUGE[: 2**20 + rng.randrange(1, 100)] if rng.random() < 0.1 else b""


def _signature(rng: random.Random, body: bytes) -> str:
    digest = rng.randbytes(32).hex()
    real = sign(b"other" + body, SECRET)
    changed = list(real)
    changed[rng.randrange(len(changed))] = chr(rng.randrange(33, 127))
    return rng.choice(
        [
            real,
            "".join(changed),
            real.upper(),
            real + "," + real,
            real.replace(",", ", ,"),
            f"t={int(time.time())},s={digest}",
            f"t={rng.randrange(2**40)},s={digest}",
            f"t={'9' * rng.randrange(3000)},s={digest}",
            ",".join(f"s={digest}" for _ in range(rng.randrange(50))),
            "".join(chr(rng.randrange(32, 256)) for _ in range(rng.randrange(200))),
            "",
        ]
    )


def _framed(rng: random.Random, body: bytes) -> tuple[str, bytes]:
    """The header lines that say how long the body is, mostly right, and the body."""
    right = f"Content-Length: {len(body)}\r\n"
    chunked = "Transfer-Encoding: chunked\r\n"
    return rng.choice(
        [
            *[(right, body)] * 6,
            (
                chunked,
                b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n",
            ),
            (chunked, b"zz\r\n" + body),
            ("", body),
            ("Content-Length: -1\r\n", body),
            ("Content-Length: 1e3\r\n", body),
            (f"Content-Length: {'9' * 30}\r\n", body),
            (f"Content-Length: {len(body) + 10}\r\n", body),
            (right + chunked, body),
            (right + f"Content-Length: {len(body) + 1}\r\n", body),
            (right + "Content-Encoding: gzip\r\n", body),
        ]
    )
