"""Slows down password guessing: each wrong password makes the next wait longer."""

from __future__ import annotations

import hmac
import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ..forks import tell_child

_FREE = 5  # wrong passwords before the first wait
_FIRST_WAIT = 1.0  # seconds; each further wrong password doubles it
_LONGEST_WAIT = 60.0
_FORGOTTEN_AFTER = 600.0
_MOST_ADDRESSES = 1_000
_OTHERS = "others"


class Attempt(NamedTuple):
    """The result of a password check.

    :param right: whether the password is right.
    :param wait: seconds until the next password is checked. If this is more than 0, this
        password was not checked.
    """

    right: bool
    wait: float = 0.0


@dataclass
class _Guesser:
    failed_at: float
    failures: int = 0

    def wait(self, now: float) -> float:
        """Return the seconds until another password is checked."""
        if self.failures < _FREE:
            return 0.0
        doubled = _FIRST_WAIT * 2.0 ** min(self.failures - _FREE, 30)
        return max(0.0, self.failed_at + min(doubled, _LONGEST_WAIT) - now)


class PasswordBrake:
    """Checks passwords in one process. No thread sleeps.

    Each address has its own wait, so a guesser does not delay other addresses. The
    addresses of an IPv6 network of 64 bits count as one. If there are too many addresses,
    new ones share a wait.

    :param clock: returns monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guessers: OrderedDict[str, _Guesser] = OrderedDict()  # by their last failure
        self.after_fork()
        tell_child(self)

    def after_fork(self) -> None:
        """Create a lock that no thread of the parent holds."""
        self._lock = threading.Lock()

    def check(self, address: str | None, said: str, password: str) -> Attempt:
        """Compare a password, unless its address has sent too many wrong ones.

        :param address: the client's address.
        :param said: the password that the client sent.
        :param password: the right password.
        """
        now = self._clock()
        with self._lock:
            self._forget(now)
            whose = self._whose(_network_of(address))
            guesser = self._guessers.get(whose) or _Guesser(now)
            wait = guesser.wait(now)
            if wait > 0:
                return Attempt(False, wait)
            if hmac.compare_digest(said.encode("utf-8", "replace"), password.encode()):
                if whose != _OTHERS:
                    self._guessers.pop(whose, None)
                return Attempt(True)
            self._guessers[whose] = _Guesser(now, guesser.failures + 1)
            self._guessers.move_to_end(whose)
            return Attempt(False)

    def _whose(self, network: str) -> str:
        full = len(self._guessers) >= _MOST_ADDRESSES
        return _OTHERS if full and network not in self._guessers else network

    def _forget(self, now: float) -> None:
        while self._guessers:
            oldest = next(iter(self._guessers))
            if now - self._guessers[oldest].failed_at < _FORGOTTEN_AFTER:
                return
            del self._guessers[oldest]


def _network_of(address: str | None) -> str:
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:  # a Unix socket has no address
        return ""
    if found.version == 4:
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped or ipaddress.ip_network((int(found), 64), strict=False))
