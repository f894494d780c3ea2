"""The server block, run by a real nginx before a real gunicorn."""

from __future__ import annotations

import datetime
import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from flask_ycloud import sign

from ..processes import Site, _free_port
from ..support import PATH, SECRET, body_of, eventually, id_of
from .support import EXAMPLES, check, program

CONFIG = (EXAMPLES / "nginx" / "ycloud.conf").read_text()
HOST = "hooks.example.org"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed one of the host in the example, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, format_ = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    files[1].write_bytes(key.private_bytes(pem, format_, serialization.NoEncryption()))
    return files


def main_file(folder: Path) -> str:
    """What Debian has at /etc/nginx/nginx.conf, for one folder."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    lines = [
        # Started as root, it would change to a user who may not enter the folder.
        *(["user root root;"] if os.geteuid() == 0 else []),
        "daemon off;",
        "worker_processes 1;",
        f"pid {folder}/pid;",
        f"error_log {folder}/error.log;",
        "events {}",
        "http {",
        f"access_log {folder}/access.log;",
        *(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
        f"include {folder}/ycloud.conf;",
        "}",
    ]
    return "\n".join(lines) + "\n"


class Proxy:
    """nginx with the example's file, on a port of its own, before an app."""

    def __init__(self, folder: Path, app_port: int) -> None:
        folder.mkdir()
        self.folder, self.port = folder, _free_port()
        self.certificate, key = certificate(folder)
        changes = {
            "server 127.0.0.1:8000;": f"server 127.0.0.1:{app_port};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
            f"/etc/ssl/certs/{HOST}.pem": str(self.certificate),
            f"/etc/ssl/private/{HOST}.key": str(key),
        }
        config = CONFIG
        for old, new in changes.items():
            assert config.count(old) == 1, old
            config = config.replace(old, new)
        (folder / "ycloud.conf").write_text(config)
        (folder / "nginx.conf").write_text(main_file(folder))
        self.command = [
            program("nginx"),
            "-e",
            f"{folder}/error.log",
            "-c",
            f"{folder}/nginx.conf",
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self.command)
        eventually(lambda: self.answers())

    def answers(self) -> bool:
        try:
            return (
                self.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") != b""
            )
        except OSError:
            return False

    def connect(self) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.certificate))
        plain = socket.create_connection(("127.0.0.1", self.port), 20)
        return context.wrap_socket(plain, server_hostname=HOST)

    def send(self, request: bytes) -> bytes:
        """What is answered until the connection ends."""
        with self.connect() as connection:
            connection.sendall(request)
            return rest_of(connection)

    def close(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)


def rest_of(connection: ssl.SSLSocket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def head(body: bytes, *more: str, path: str = PATH, host: str = HOST) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [
        "Content-Type: application/json",
        f"YCloud-Signature: {sign(body, SECRET)}",
        *more,
    ]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, f"sqlite:///{tmp_path}/inbox.db")
    yield made
    made.close()


@pytest.fixture
def proxy(tmp_path: Path, site: Site) -> Iterator[Proxy]:
    server = site.serve("--workers", "1", "--threads", "1")
    made = Proxy(tmp_path / "nginx", server.port)
    made.start()
    yield made
    made.close()


def test_nginx_takes_the_file(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path / "nginx", 8000)
    assert "test is successful" in check(*proxy.command, "-t")


def test_the_body_comes_as_it_was_sent(proxy: Proxy, site: Site) -> None:
    """With a length or in chunks, odd white space and all."""
    whole, chunked = body_of() + b" \n\t", b"\r\n" + body_of()
    answer = proxy.send(head(whole, f"Content-Length: {len(whole)}") + whole)
    assert answer.startswith(b"HTTP/1.1 200")
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(each), each) for each in (chunked[:7], chunked[7:])
    )
    answer = proxy.send(head(chunked, "Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    for body in (whole, chunked):
        stored = site.inbox.get(id_of(body))
        assert stored is not None
        assert stored.body == body


def test_a_slow_sender_holds_up_nobody(proxy: Proxy) -> None:
    """The app has one thread, and is free: nginx waits for the rest of the body."""
    slow, quick = body_of(), body_of()
    with proxy.connect() as connection:
        connection.sendall(head(slow, f"Content-Length: {len(slow)}") + slow[:10])
        started = time.monotonic()
        answer = proxy.send(head(quick, f"Content-Length: {len(quick)}") + quick)
        assert answer.startswith(b"HTTP/1.1 200")
        assert time.monotonic() - started < 5
        connection.sendall(slow[10:])
        assert rest_of(connection).startswith(b"HTTP/1.1 200")


def test_no_other_path_is_reached(proxy: Proxy) -> None:
    for path in (
        "/",
        "/ycloud/inspector/",
        "/ycloud/health",
        "/ycloud/webhook/",
        "/ycloud/webhookx",
    ):
        answer = proxy.send(head(b"", "Content-Length: 0", path=path))
        assert answer.startswith(b"HTTP/1.1 404"), path


def test_a_body_that_is_too_long_is_a_413(proxy: Proxy, site: Site) -> None:
    request = head(b"", f"Content-Length: {1024 * 1024 + 1}")
    assert proxy.send(request).startswith(b"HTTP/1.1 413")
    longest = b'"' + b"x" * (1024 * 1024 - 2) + b'"'
    answer = proxy.send(head(longest, f"Content-Length: {len(longest)}") + longest)
    assert answer.startswith(b"HTTP/1.1 200")


def test_what_the_file_says() -> None:
    said = dict(re.findall(r"^ +(\w+) (.*);$", CONFIG, re.M))
    assert said["proxy_request_buffering"] == "on"
    assert said["client_body_timeout"] == "10s"
    assert said["client_max_body_size"] == "1m"
    headers = dict(re.findall(r"proxy_set_header (\S+) (\S+);", CONFIG))
    assert headers == {
        "Connection": '""',
        "Host": "$host",
        "X-Forwarded-For": "$remote_addr",
        "X-Forwarded-Proto": "$scheme",
        "X-Forwarded-Host": "$host",
    }
