"""In debug mode the pages are open to this machine, and to nobody behind a tunnel."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request

import pytest
from flask import Flask
from werkzeug.serving import make_server

from flask_ycloud.inspector import InspectorBlueprint

from .support import PAGE, get


def test_open_to_the_machine_itself_in_debug_mode(app: Flask) -> None:
    app.register_blueprint(InspectorBlueprint())
    app.debug = True
    assert get(app)[0] == 200
    assert get(app, base_url="http://127.0.0.1:5000")[0] == 200
    assert get(app, base_url="http://[::1]:5000")[0] == 200
    assert get(app, environ_base={"REMOTE_ADDR": "192.0.2.1"})[0] == 403
    assert get(app, base_url="http://rebound.example.org")[0] == 403


_FORWARDING = """
    Forwarded X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Forwarded-Port
    X-Forwarded X-Forwarded-Server Forwarded-For X-Real-IP Via CF-Connecting-IP
    CF-Connecting-IPv6 CF-Ray True-Client-IP X-Client-IP X-Cluster-Client-IP
    Client-IP X-Original-Forwarded-For
    X-Original-Host X-Originating-IP X-ProxyUser-Ip Fastly-Client-IP Fly-Client-IP
    X-Envoy-External-Address X-Azure-ClientIP X-Appengine-User-IP X-Nginx-Proxy
    X-Remote-Addr CDN-Loop Proxy-Client-IP WL-Proxy-Client-IP X-Amzn-Trace-Id
    Tailscale-User-Login
    X-BlueCoat-Via
"""


@pytest.mark.parametrize("header", _FORWARDING.split())
def test_debug_mode_is_closed_to_what_was_forwarded(app: Flask, header: str) -> None:
    app.register_blueprint(InspectorBlueprint())
    app.debug = True
    page = {"base_url": "http://localhost:5000"}
    for name in (header, header.lower(), header.upper()):
        status, text = get(app, headers={name: "203.0.113.9"}, **page)
        assert status == 403
        assert "not through a proxy" in text
    browser = {"Accept": "text/html", "Sec-Fetch-Site": "none", "Cookie": "a=b", "DNT": "1"}
    assert get(app, headers=browser, **page)[0] == 200


def test_a_tunnel_that_writes_localhost_opens_nothing(app: Flask) -> None:
    """Over real HTTP, as the far side of a tunnel asks."""
    app.register_blueprint(InspectorBlueprint())
    app.debug = True
    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://localhost:{server.server_port}{PAGE}send"
    headers = {"Host": "localhost:5000", "X-Forwarded-For": "203.0.113.9"}
    try:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(url, headers=headers))
        refused.value.close()
        assert refused.value.code == 403
        plain = urllib.request.Request(url, headers={"Host": "localhost:5000"})
        with urllib.request.urlopen(plain) as answer:
            assert answer.status == 200
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
