"""Bodies encrypted at rest: ``encrypt``, and the doctor's check of the keys."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import click
from flask import current_app

from ..actions import log_action, os_user
from ..formats import counted
from ..runtime import runtime_of
from .finding import Finding, Subject, error, ok, warning
from .group import ycloud_cli
from .output import echo, progress


@ycloud_cli.command()
@click.option(
    "--decrypt", is_flag=True, help="Decrypt instead, and store everything as plain."
)
def encrypt(decrypt: bool) -> None:
    """Encrypt what is plain or encrypted with an older key.

    The first of YCLOUD_BODY_KEYS is used. The command works while deliveries arrive and
    other processes handle events.

    \b
    Example:
      flask ycloud encrypt
    """
    from ..inbox import encrypt as encrypt_all  # here, since it needs SQLAlchemy

    runtime = runtime_of(current_app)
    key_id = runtime.inbox.cipher.key_id
    if decrypt and key_id is not None:
        raise click.UsageError(
            "New deliveries would still be encrypted. Let the first of YCLOUD_BODY_KEYS"
            " be empty, restart the app, and then decrypt."
        )
    if not decrypt and key_id is None:
        raise click.UsageError("YCLOUD_BODY_KEYS has no key that encrypts.")
    with progress("Decrypting" if decrypt else "Encrypting") as on_progress:
        done = encrypt_all(runtime.inbox, decrypt=decrypt, on_progress=on_progress)
    log_action(os_user(), "decrypt" if decrypt else "encrypt", count=done.bodies)
    how = "Decrypted" if decrypt else f"Encrypted with the key {key_id}:"
    bodies, texts = counted(done.bodies, "body", "bodies"), counted(done.texts, "message")
    echo(f"{how} {bodies} and {texts}.")
    if done.unreadable:
        stay = "body stays" if done.unreadable == 1 else "bodies stay"
        text = f"{done.unreadable:,} {stay} unchanged: a key is not in YCLOUD_BODY_KEYS."
        echo(text, err=True)
        raise click.exceptions.Exit(1)


def body_keys(subject: Subject) -> Iterator[Finding]:
    """Whether bodies are encrypted as they should be."""
    from ..inbox import has_plain, keys_in_use

    runtime = subject.runtime
    cipher = runtime.inbox.cipher
    if cipher and importlib.util.find_spec("cryptography") is None:
        text = "YCLOUD_BODY_KEYS is set, but the package cryptography is not installed."
        remedy = "Deliveries are answered 503: pip install 'flask-ycloud[encryption]'"
        yield error("keys", text, remedy)
        return
    used = keys_in_use(runtime.inbox)
    missing, older = used - cipher.key_ids, used & cipher.key_ids - {cipher.key_id}
    plain = cipher.key_id is not None and has_plain(runtime.inbox)
    if missing:
        text = f"Events need keys that are not in YCLOUD_BODY_KEYS: {_list(missing)}."
        remedy = "Add them behind the first key. Their events wait until then."
        yield error("keys", text, remedy)
    if older:
        how = "flask ycloud encrypt" + ("" if cipher.key_id else " --decrypt")
        text = f"Events are encrypted with keys that are not the first: {_list(older)}."
        yield warning("keys", text, f"Before you remove a key: {how}")
    if plain:
        text = "Events from before YCLOUD_BODY_KEYS was set are not encrypted."
        yield warning("keys", text, "Encrypt them: flask ycloud encrypt")
    if cipher.key_id is not None and not (missing or older or plain):
        yield ok("keys", f"Bodies are encrypted with {cipher.key_id}.")


def _list(key_ids: frozenset[str]) -> str:
    return ", ".join(sorted(key_ids))
