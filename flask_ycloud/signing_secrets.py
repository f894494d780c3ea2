"""The secrets that may have signed a delivery: of its endpoint, or of its tenant."""

from __future__ import annotations

import inspect
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .environment import in_quotes, unread
from .errors import ConfigurationError, SignatureMismatch, UnknownTenant
from .forks import tell_child
from .handlers import type_and_place, wait_for
from .protocol import Signature
from .secret_checks import Keys, keys_in
from .settings import KEYS

#: What an app passes as ``secrets=``. It is called with a tenant and YCloud's id of the
#: endpoint, each ``None`` if there is none, and returns the signing secret or secrets.
Lookup = Callable[[str | None, str | None], Any]

_LONGEST_TENANT = 255
_MOST_KEPT = 10_000
_ASKED_AGAIN_AFTER_SECONDS = 5.0

_Whose = tuple[str | None, str | None]  # the tenant, and YCloud's id of the endpoint


class _Kept(NamedTuple):
    """Secrets, when they were fetched, and when they were last fetched again."""

    secrets: Keys
    asked_at: float
    tried_at: float


class Secrets:
    """The signing secrets of an endpoint, or of each of its tenants.

    :param lookup: returns them; it may be ``async``. ``None`` means that there is no such
        tenant.
    :param ttl: how many seconds a result is cached; 0 for not at all.
    :param what: the name of ``lookup`` in error messages.
    :param key: the secrets' key in the config, if they are there.
    :param fixed: the secrets, if they never change.
    :param function: the app's function, if ``lookup`` only calls it.
    """

    def __init__(
        self,
        lookup: Lookup,
        *,
        ttl: float = 0.0,
        what: str = "secrets=",
        key: str | None = None,
        fixed: Keys = (),
        function: Callable[..., Any] | None = None,
    ) -> None:
        self._lookup = lookup
        self._function = function or lookup
        self._ttl = ttl
        self.what = what
        self.key = key
        self.fixed = fixed
        self._kept: OrderedDict[_Whose, _Kept] = OrderedDict()
        self.after_fork()
        tell_child(self)

    def after_fork(self) -> None:
        """Replace the lock, which a thread of the parent may have held."""
        self._lock = threading.Lock()

    def of(self, tenant: str | None = None, endpoint_id: str | None = None) -> Keys:
        """Fetch the secrets of a tenant.

        :raises UnknownTenant: if there is no such tenant.
        :raises ConfigurationError: if they cannot be fetched.
        """
        if tenant is not None and not _is_name(tenant):
            raise UnknownTenant("The tenant's name is too long, or not printable.")
        try:
            found = self._lookup(tenant, endpoint_id)
            if inspect.isawaitable(found):
                found = wait_for(found)
        except Exception as error:
            # From None, and without its text, which may quote its arguments.
            raise ConfigurationError(
                f"{self.what} raised {type_and_place(error, self._function)}."
            ) from None
        if found is None:
            raise UnknownTenant("There is no such tenant.")
        return keys_in(found, self.what)

    def verify(
        self,
        tenant: str | None,
        endpoint_id: str | None,
        check: Callable[[Keys], Signature],
    ) -> Signature:
        """Verify a delivery with the secrets of its tenant.

        If cached secrets do not fit, they are fetched again, since they may have been
        rotated. Forgeries cannot cause that more often than every five seconds.

        :param check: verifies the delivery with the secrets that it is called with.
        :raises SignatureError: if it is not authentic.
        :raises ConfigurationError: if the secrets cannot be fetched.
        """
        whose = tenant, endpoint_id
        now = time.monotonic()
        with self._lock:
            kept = self._kept.get(whose)
        if kept is None or now - kept.asked_at >= self._ttl:
            return self._ask_and_check(whose, check)
        try:
            return check(kept.secrets)
        except SignatureMismatch:
            if now - kept.tried_at < _ASKED_AGAIN_AFTER_SECONDS:
                raise
        with self._lock:
            self._kept[whose] = kept._replace(tried_at=now)
        return self._ask_and_check(whose, check, known=True)

    def _ask_and_check(
        self, whose: _Whose, check: Callable[[Keys], Signature], *, known: bool = False
    ) -> Signature:
        """Fetch the secrets, verify with them, and cache them.

        Secrets that are not in the cache are only added if they fit. So nobody can fill the
        memory with invented names.

        :param known: whether secrets are cached, which are outdated now.
        """
        try:
            secrets = self.of(*whose)
        except UnknownTenant:
            with self._lock:
                self._kept.pop(whose, None)
            raise
        if known:
            self._keep(whose, secrets)
            return check(secrets)
        signature = check(secrets)
        self._keep(whose, secrets)
        return signature

    def _keep(self, whose: _Whose, secrets: Keys) -> None:
        if not self._ttl:
            return
        now = time.monotonic()
        with self._lock:
            self._kept[whose] = _Kept(secrets, now, now)
            self._kept.move_to_end(whose)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)


def configured(config: Mapping[str, Any], key: str) -> Secrets:
    """The signing secrets that the config has under this key.

    A callable in the config, such as a look-up in a secret store, is called each time.

    :raises ConfigurationError: if there is no secret, or an empty one, and no callable.
    """
    value = config.get(key)
    if callable(value):
        # No secret is an error of the app, not a delivery for an unknown tenant.
        return Secrets(
            lambda tenant, endpoint_id: value() or (), what=key, key=key, function=value
        )
    hint = in_quotes(key, value) if value else _where(config, key)
    fixed = keys_in(value, key, hint)
    return Secrets(lambda tenant, endpoint_id: fixed, what=key, key=key, fixed=fixed)


def _where(config: Mapping[str, Any], key: str) -> str:
    """A hint about a secret that is not in the config."""
    for each in unread(config, KEYS | {key}):
        if each.key == key:
            return f" {each}"
    return (
        " Deliveries cannot be verified without it. YCloud shows it: Developers → Webhooks."
        f" Set app.config[{key!r}] before app.register_blueprint()."
    )


def _is_name(tenant: str) -> bool:
    return 0 < len(tenant) <= _LONGEST_TENANT and tenant.isprintable()
