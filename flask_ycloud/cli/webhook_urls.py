"""The URL of a webhook endpoint, from what somebody types."""

from __future__ import annotations

from urllib.parse import urlsplit

import click

from ..protocol import is_loopback
from ..settings import is_base_url


def webhook_url(text: str, path: str) -> str:
    """A whole URL, of a host or a URL.

    :param text: such as ``example.org`` or ``https://example.org/in``.
    :param path: what is added if it has none.
    :raises click.UsageError: if it is neither a host nor a URL.
    """
    url = text if "://" in text else f"https://{text}"
    base, question_mark, query = url.partition("?")
    if not is_base_url(base) or not _is_host(base):
        raise click.UsageError(
            f"{text!r} is not a host or a URL. It takes one that YCloud can reach, such as"
            " example.org or https://example.org/ycloud/webhook."
        )
    if not urlsplit(base).path.strip("/"):
        base = base.rstrip("/") + path
    return base + question_mark + query


def _is_host(url: str) -> bool:
    """Whether its host has a domain, or is this machine, as in tests."""
    host = urlsplit(url).hostname or ""
    return "." in host.strip(".") or ":" in host or is_loopback(url)
