"""Downloads: redirects, and files that are written completely or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

from ..errors import APIError
from .answers import not_understood, read_error


@dataclass(frozen=True)
class Download:
    """What :meth:`YCloud.download` has written.

    :param size: in bytes.
    :param content_type: as the answer says, such as ``image/jpeg``; ``None`` if it says
        nothing.
    :param sha256: of the bytes, as 64 lower-case hex digits.
    """

    size: int
    content_type: str | None
    sha256: str


@contextmanager
def staged(to: str | os.PathLike[str] | BinaryIO) -> Iterator[BinaryIO]:
    """A file to fill. If nothing is raised, its content is copied to ``to`` at the end."""
    if not isinstance(to, (str, os.PathLike)):
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            shutil.copyfileobj(file, to)
        return
    beside = Path(to).with_name(f".{secrets.token_hex(8)}.part")
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(to)
    finally:
        beside.unlink(missing_ok=True)


def receive(answer: httpx.Response, file: BinaryIO, max_bytes: int) -> Download:
    """Write the body of an answer to a file, from the beginning.

    :raises APIError: if it is an error, or larger than ``max_bytes``.
    """
    if not answer.is_success:
        raise read_error(answer)
    if int(answer.headers.get("Content-Length", 0)) > max_bytes:
        raise _too_large(max_bytes)
    file.seek(0)
    file.truncate()
    size, digest = 0, hashlib.sha256()
    for chunk in answer.iter_bytes():
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        digest.update(chunk)
        file.write(chunk)
    return Download(size, answer.headers.get("Content-Type"), digest.hexdigest())


def redirected(answer: httpx.Response) -> httpx.URL | None:
    """Where an answer redirects to; ``None`` if it does not redirect.

    :raises APIError: if nothing may be downloaded from there.
    """
    if answer.next_request is None:
        return None
    url = answer.next_request.url
    if url.scheme not in ("https", "http") or url.userinfo:
        raise not_understood("it redirects to a URL that is not plain http or https")
    return url


def _too_large(max_bytes: int) -> APIError:
    message = (
        f"the media has more than {max_bytes:,} bytes. Call download() with a larger"
        " max_bytes if you want it."
    )
    return APIError(413, "CONTENT_TOO_LARGE", message, None)
