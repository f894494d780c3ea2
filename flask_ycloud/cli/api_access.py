"""YCloud's API for a command, with the API key of an account."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from flask import current_app

from ..errors import ConfigurationError
from ..runtime import Runtime, runtime_of

if TYPE_CHECKING:
    from ..api import WebhookEndpoints


def open_api(runtime: Runtime, api_key: str | None = None) -> WebhookEndpoints:
    """The Webhook Endpoints API, at the URL of the settings.

    :param api_key: of the account; that of the settings if left out.
    :raises ConfigurationError: if there is no key, or httpx is not installed.
    """
    settings = runtime.settings
    api_key = settings.api_key if api_key is None else api_key
    if api_key is None:
        raise ConfigurationError(
            "YCLOUD_API_KEY is not set. It takes an API key, from YCloud's dashboard,"
            " Developers → API keys."
        )
    try:
        from ..api import WebhookEndpoints
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            f"The module {missing.name!r} is not installed: pip install"
            " 'flask-ycloud[api]'."
        ) from None
    return WebhookEndpoints(api_key, base_url=settings.api_url)


def with_api(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the API as ``api``, and options that say with which key."""
    from_environment = click.option(
        "--api-key-env",
        metavar="NAME",
        help="The environment variable that has the account's API key. Default:"
        " YCLOUD_API_KEY of the settings.",
    )
    from_input = click.option(
        "--api-key-stdin", is_flag=True, help="Read the API key from standard input."
    )

    @functools.wraps(command)
    def run(api_key_env: str | None, api_key_stdin: bool, **others: Any) -> None:
        api_key = _api_key(api_key_env, api_key_stdin)
        if api_key is None and others.get("tenant") is not None:
            raise click.UsageError(
                "--tenant needs the API key of the tenant's account. Name the environment"
                " variable that has it, with --api-key-env NAME, or use --api-key-stdin."
            )
        with open_api(runtime_of(current_app), api_key) as api:
            command(api=api, **others)

    return from_environment(from_input(run))


def _api_key(name: str | None, from_input: bool) -> str | None:
    """The API key of the options; ``None`` if none of them is given."""
    if name is not None and from_input:
        raise click.UsageError("Use --api-key-env or --api-key-stdin, not both.")
    if from_input:
        return _read_key()
    if name is None:
        return None
    if name not in os.environ:
        # The name is not shown: it may be a key that was given by mistake.
        raise click.UsageError(
            "--api-key-env takes the name of an environment variable. The given variable"
            " does not exist."
        )
    return os.environ[name]


def _read_key() -> str:
    """Read the API key from a pipe, or ask for it in a terminal without showing it."""
    if sys.stdin.isatty():
        typed: str = click.prompt("API key", hide_input=True, err=True)
        return typed
    return sys.stdin.readline()
