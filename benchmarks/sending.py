"""A sender at full rate: signed deliveries over connections that stay open.

    python -m benchmarks.sending PORT[,PORT] SECONDS THREADS TENANTS

Each port gets the same number of connections. The sender signs all deliveries before it
sends the first, and prints the results. With tenants it sends to each in turn; with 0 to
the endpoint without tenants.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

from flask_ycloud import sign
from tests.processes import bodies
from tests.support import PATH, SECRET

from .site import secret_of

MOST_A_SECOND = 2500


def request(body: bytes, tenant: str | None = None) -> bytes:
    """Return the bytes of a signed HTTP request."""
    path = PATH if tenant is None else f"/hooks/{tenant}/webhook"
    secret = SECRET if tenant is None else secret_of(tenant)
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"YCloud-Signature: {sign(body, secret)}",
        "",
        "",
    )
    return "\r\n".join(lines).encode() + body


class Sender:
    """Threads that send until a given time.

    :param requests: the requests to send.
    """

    def __init__(self, requests: list[bytes]) -> None:
        self._requests = requests
        self._lock = threading.Lock()
        self.accepted = self.refused = 0
        self.seconds: list[float] = []  # the duration of each answer

    def run(self, port: int, until: float) -> None:
        """Send from one thread to the server at a port."""
        connection, buffer = socket.create_connection(("127.0.0.1", port)), b""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < until:
            sent_at = time.monotonic()
            try:
                connection.sendall(self._requests.pop())
            except IndexError:
                return
            status, closes, buffer = read_answer(connection, buffer)
            with self._lock:
                self.seconds.append(time.monotonic() - sent_at)
                self.accepted += status == 200
                self.refused += status != 200
            if closes:
                connection = socket.create_connection(("127.0.0.1", port))


def read_answer(connection: socket.socket, buffer: bytes) -> tuple[int, bool, bytes]:
    """Return an answer's status, whether the connection closes, and the bytes after it."""
    while b"\r\n\r\n" not in buffer:
        buffer += _some(connection)
    head, _, rest = buffer.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    size = int(fields[b"content-length"])
    while len(rest) < size:
        rest += _some(connection)
    return int(head.split()[1]), fields.get(b"connection") == b"close", rest[size:]


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data


def main() -> None:
    ports = [int(each) for each in sys.argv[1].split(",")]
    seconds, threads = float(sys.argv[2]), int(sys.argv[3])
    tenants = int(sys.argv[4])
    requests = [
        request(body, f"t{number % tenants}" if tenants else None)
        for number, body in enumerate(bodies(int(seconds * MOST_A_SECOND)))
    ]
    sender, started = Sender(requests), time.monotonic()
    running = [
        threading.Thread(
            target=sender.run, args=(ports[number % len(ports)], started + seconds)
        )
        for number in range(threads)
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    took = time.monotonic() - started
    done = {"accepted": sender.accepted, "refused": sender.refused, "seconds": took}
    done["p99"] = sorted(sender.seconds)[int(len(sender.seconds) * 0.99)]
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
