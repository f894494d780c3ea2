"""Keyed hashes: the HMAC of RFC 2104."""

from __future__ import annotations

import hmac
import os

from flask_ycloud.inbox.hashes import KeyedHash


def test_they_are_those_of_the_standard_library() -> None:
    for length in (0, 32, 64):
        key = os.urandom(length)
        for value in (b"", b"hello", os.urandom(1000)):
            expected = hmac.digest(key, value, "sha256").hex()[:32]
            assert KeyedHash(key).of(value) == expected
    assert KeyedHash(b"k").of("h\xe9") == KeyedHash(b"k").of("h\xe9".encode())
