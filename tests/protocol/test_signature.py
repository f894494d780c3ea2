"""Signing and verifying: literal vectors, every kind of bad header, totality."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_ycloud import (
    ConfigurationError,
    MalformedSignature,
    MissingSignature,
    SignatureError,
    SignatureMismatch,
    StaleSignature,
    sign,
    verify,
)

VECTORS = json.loads(
    (Path(__file__).parent.parent / "data" / "signatures.json").read_text("utf-8")
)
DIGEST = "8eb70f2acb056c2119acbee8fdd98a889021d9c268bc9ad248a4182c40e31119"
NOW = 1_700_000_000


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors_made_elsewhere(vector: dict[str, Any]) -> None:
    """openssl, or YCloud's own pages, gave these; our code did not."""
    body, secret = vector["body"].encode(), vector["secret"]
    header = f"t={vector['timestamp']},s={vector['digest']}"
    assert sign(body, secret, timestamp=vector["timestamp"]) == header
    signature = verify(body, header, secret, now=vector["timestamp"])
    assert signature.timestamp == vector["timestamp"]
    assert signature.digests == (vector["digest"],)


def test_signs_now_unless_told_otherwise() -> None:
    assert verify(b"{}", sign(b"{}", "k"), "k").timestamp == pytest.approx(
        time.time(), abs=5
    )


def test_secrets_may_be_bytes() -> None:
    assert verify(b"{}", sign(b"{}", b"k"), b"k")


def test_any_of_several_secrets_may_match() -> None:
    header = sign(b"{}", "new", timestamp=NOW)
    for secrets in (["old", "new"], ("new", "old"), {"old", "new"}, iter(["new"])):
        assert verify(b"{}", header, secrets, now=NOW)


def test_any_of_several_signatures_may_match() -> None:
    header = sign(b"{}", "k", timestamp=NOW)
    signature = verify(b"{}", f"{header},s={DIGEST}", "k", now=NOW)
    assert len(signature.digests) == 2
    assert verify(b"{}", f"s={DIGEST},{header}", "k", now=NOW)


def test_unknown_keys_are_ignored() -> None:
    header = sign(b"{}", "k", timestamp=NOW)
    assert verify(b"{}", f"v=2,{header},x=a=b", "k", now=NOW)


def test_a_missing_header_has_its_own_error() -> None:
    with pytest.raises(MissingSignature) as caught:
        verify(b"{}", None, "k")
    assert caught.value.reason == "missing"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t",
        "t=1",
        f"s={DIGEST}",
        f"t=,s={DIGEST}",
        f"t=-1,s={DIGEST}",
        f"t=1.5,s={DIGEST}",
        f"t= 1,s={DIGEST}",
        f"t=1_0,s={DIGEST}",
        f"t=٣,s={DIGEST}",  # digits of another script
        f"t={'1' * 5000},s={DIGEST}",
        f"t=1,t=1,s={DIGEST}",
        f"t=1,s={DIGEST},",
        f",t=1,s={DIGEST}",
        f"t=1,,s={DIGEST}",
        f"t=1;s={DIGEST}",
        "t=1,s=",
        f"t=1,s={DIGEST.upper()}",
        f"t=1,s={DIGEST[:-1]}",
        f"t=1,s={DIGEST}0",
        f"t=1,s={DIGEST[:-1]}é",
        f"t=1,s={DIGEST}\n",
        f"T=1,S={DIGEST}",
    ],
)
def test_malformed_headers(header: str) -> None:
    with pytest.raises(MalformedSignature) as caught:
        verify(b"{}", header, "k", now=1)
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize(
    ("body", "secret", "timestamp"),
    [(b"{ }", "k", NOW), (b"{}", "other", NOW), (b"{}", "k", NOW + 1)],
    ids=["body", "secret", "timestamp"],
)
def test_anything_changed_is_a_mismatch(body: bytes, secret: str, timestamp: int) -> None:
    digest = sign(b"{}", "k", timestamp=NOW).partition("s=")[2]
    with pytest.raises(SignatureMismatch):
        verify(body, f"t={timestamp},s={digest}", secret, now=NOW)


@pytest.mark.parametrize("age", [301, -301])
def test_stale_both_ways(age: int) -> None:
    header = sign(b"{}", "k", timestamp=NOW)
    with pytest.raises(StaleSignature) as caught:
        verify(b"{}", header, "k", tolerance=300, now=NOW + age)
    assert caught.value.age == age
    assert verify(b"{}", header, "k", tolerance=301, now=NOW + age)


def test_a_tolerance_of_zero_means_zero() -> None:
    header = sign(b"{}", "k", timestamp=NOW)
    assert verify(b"{}", header, "k", tolerance=0, now=NOW)
    with pytest.raises(StaleSignature):
        verify(b"{}", header, "k", tolerance=0, now=NOW + 1)


def test_only_the_authentic_is_called_stale() -> None:
    with pytest.raises(SignatureMismatch):
        verify(b"{}", f"t=1,s={DIGEST}", "k", now=NOW)


@pytest.mark.parametrize("secrets", ["", b"", [], ["k", ""], [None], "\ud800"])
def test_no_secret_is_our_own_fault(secrets: Any) -> None:
    """It is no reason to say that a delivery is not authentic, nor that it is."""
    with pytest.raises(ConfigurationError) as caught:
        verify(b"{}", sign(b"{}", "k"), secrets)
    assert "k'" not in str(caught.value)


def test_an_empty_secret_signs_nothing() -> None:
    with pytest.raises(ConfigurationError, match="empty"):
        sign(b"{}", "")


def test_no_repr_shows_a_signature() -> None:
    header = sign(b"{}", "k")
    signature = verify(b"{}", header, "k")
    assert signature.digests[0] not in repr(signature)


@given(body=st.binary(), header=st.none() | st.text())
def test_verifying_is_total(body: bytes, header: str | None) -> None:
    """Whatever bytes and text come, a SignatureError is all that leaves."""
    with pytest.raises(SignatureError):
        verify(body, header, "k")


@given(
    body=st.binary(),
    secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    timestamp=st.integers(0, 10**12 - 1),
)
def test_what_is_signed_verifies(body: bytes, secret: str, timestamp: int) -> None:
    header = sign(body, secret, timestamp=timestamp)
    assert verify(body, header, secret, now=timestamp).timestamp == timestamp
