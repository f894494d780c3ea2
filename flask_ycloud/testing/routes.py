"""Send a body to the app: by its test client, or by HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from flask import Flask

from ..dispatch.inline import errors_kept
from ..protocol import Answer, Target, attempt, signed_headers
from ..runtime import Runtime

Errors = list[BaseException]


class Route(Protocol):
    """A way to the app."""

    def post(
        self, body: bytes, secret: str | bytes, endpoint_id: str | None
    ) -> tuple[Answer, Errors]:
        """Sign a body and send it. Return the answer, and the errors of handlers."""
        ...


@dataclass(frozen=True)
class ByClient:
    """By the test client of an app.

    :param subdomain: the subdomain of the endpoint, or nothing.
    :param path: its path.
    """

    app: Flask
    subdomain: str
    path: str

    def post(
        self, body: bytes, secret: str | bytes, endpoint_id: str | None
    ) -> tuple[Answer, Errors]:
        """Sign a body and send it."""
        headers = signed_headers(body, secret, endpoint_id)
        started = perf_counter()
        with errors_kept() as errors:
            response = self.app.test_client().post(
                self.path, data=body, headers=headers, subdomain=self.subdomain or None
            )
        seconds = perf_counter() - started
        return Answer(response.status_code, response.text, seconds), errors


@dataclass(frozen=True)
class ByHTTP:
    """By HTTP, to another process.

    :param timeout: seconds to wait for an answer.
    """

    url: str
    timeout: float

    def post(
        self, body: bytes, secret: str | bytes, endpoint_id: str | None
    ) -> tuple[Answer, Errors]:
        """Sign a body and send it."""
        target = Target(self.url, secret, endpoint_id)
        return attempt(target, body, timeout=self.timeout), []


def secret_of(
    runtime: Runtime, endpoint: str, tenant: str | None, endpoint_id: str | None
) -> str | bytes:
    """The secret that an app has for an endpoint.

    :raises UnknownTenant: if the app does not know the tenant.
    """
    with runtime.app.app_context():  # the app looks up its secrets in it
        return runtime.endpoints[endpoint].secrets.of(tenant, endpoint_id)[0]
