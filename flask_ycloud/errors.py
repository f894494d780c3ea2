"""Every error and warning of flask-ycloud.

::

    YCloudError
    ├── ConfigurationError      a setting is missing or wrong
    ├── SignatureError          a delivery is not authentic
    │   ├── MissingSignature
    │   ├── MalformedSignature
    │   ├── SignatureMismatch
    │   ├── StaleSignature
    │   └── UnknownTenant
    ├── EventNotUnderstood      an authentic body is not a YCloud event
    ├── InboxUnavailable        the inbox cannot be read or written now
    ├── EventNotFound           the inbox has no event with that id
    ├── AmbiguousEvent          the inbox has several events with that id
    ├── EventRunning            that event is being handled now
    ├── EventEmptied            that event no longer has a body
    ├── BodyUnreadable          that event's body is encrypted with a key that is missing
    ├── APIError                YCloud's API refused a call
    ├── APIUnreachable          YCloud's API did not answer
    ├── Retry                   raised by a handler: run this handler again later
    └── Discard                 raised by a handler: give up on this event
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import traceback
from datetime import timedelta

#: The longest delay of a retry, in seconds.
LONGEST_RETRY_SECONDS = 366 * 86_400


class YCloudError(Exception):
    """The base class of the errors of this package."""


class ConfigurationError(YCloudError):
    """A setting is missing or wrong. The message has the key, and how to fix it."""


class SignatureError(YCloudError):
    """A delivery is not authentic: it was not signed, or not with the app's secret."""

    #: A stable word for logs, counters and the ``delivery_rejected`` signal.
    reason = "invalid"


class MissingSignature(SignatureError):
    """The delivery has no ``YCloud-Signature`` header."""

    reason = "missing"


class MalformedSignature(SignatureError):
    """The header does not have the form ``t=<unix seconds>,s=<64 hex digits>``."""

    reason = "malformed"


class SignatureMismatch(SignatureError):
    """The signature in the header fits this body with none of the secrets."""

    reason = "mismatch"


class StaleSignature(SignatureError):
    """The signature is right, but was made too long ago, or too far in the future.

    :param age: seconds between the signing and now; negative if it is in the future.
    :param tolerance: seconds that were allowed, both ways.
    """

    reason = "stale"

    def __init__(self, age: float, tolerance: float) -> None:
        super().__init__(
            f"The signature was made {abs(age):.0f} s {'ahead' if age < 0 else 'ago'};"
            f" at most {tolerance:.0f} s are allowed. If this delivery is genuine, check"
            " this machine's clock."
        )
        self.age = age
        self.tolerance = tolerance


class UnknownTenant(SignatureError):
    """The URL names a tenant that the app does not know."""

    reason = "unknown tenant"


class EventNotUnderstood(YCloudError):
    """An authentic body is not a YCloud event. The message says why, without values."""


class InboxUnavailable(YCloudError):
    """The inbox cannot be read or written now. Until it can, deliveries get a 503."""


class EventNotFound(YCloudError):
    """The inbox has no event with that id."""


class AmbiguousEvent(YCloudError):
    """Several endpoints or tenants have an event with that id. The message names them."""


class EventRunning(YCloudError):
    """The event is being handled now, so it cannot be replayed or deleted."""


class EventEmptied(YCloudError):
    """The event no longer has a body, so it cannot be handled again."""


class BodyUnreadable(YCloudError):
    """The body of an event is encrypted, and its key is missing. The event is kept."""


class EventSettled(YCloudError):
    """The event is already done or discarded."""


class APIError(YCloudError):
    """YCloud's API refused a call, or its answer is not as documented.

    :param status: the HTTP status.
    :param code: YCloud's code of the error, such as ``NOT_FOUND``.
    :param message: YCloud's message.
    :param request_id: the id of the request, for YCloud's support.
    :param whatsapp_code: WhatsApp's own code, such as ``"131047"``, if WhatsApp refused.
    :param retry_after: the seconds to wait, from ``Retry-After``.
    """

    #: Whether the call may have been carried out nevertheless. It is False if the status is
    #: one of 400 to 499, unless an earlier attempt of a repeated call had no answer.
    maybe_done: bool

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        request_id: str | None,
        *,
        whatsapp_code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        text = f"YCloud's API: {status} {code} {message}"
        super().__init__(f"{text} (request {request_id})" if request_id else text)
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.whatsapp_code = whatsapp_code
        self.retry_after = retry_after
        self.maybe_done = not 400 <= status < 500


class APIUnreachable(YCloudError):
    """YCloud's API did not answer, or could not be reached.

    :param message: what happened.
    :param maybe_done: whether the call may have been carried out nevertheless. It is False
        if there was no connection.
    """

    def __init__(self, message: str, *, maybe_done: bool) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class Retry(YCloudError):
    """Raise it in a handler to run that handler again later.

    It counts as an attempt: after the last of ``YCLOUD_RETRY_DELAYS`` the event becomes a
    dead letter, as with any other error.

    :param after: seconds from now, or a ``timedelta``; from zero to 366 days.
    :raises ValueError: if ``after`` is not in this range.
    """

    def __init__(self, after: float | timedelta) -> None:
        seconds = after.total_seconds() if isinstance(after, timedelta) else after
        # Neither below zero, nor too large for a datetime, nor NaN.
        if not 0 <= seconds <= LONGEST_RETRY_SECONDS:
            raise ValueError(
                "Retry(after=…) takes seconds or a timedelta, zero or more and at most 366"
                f" days; got {after!r}."
            )
        super().__init__(f"retry after {seconds:g} s")
        self.after = float(seconds)


class Discard(YCloudError):
    """Raise it in a handler to give up on this event in this handler, without a retry.

    :param reason: stored and shown, so it must not contain personal data.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownEventTypeWarning(UserWarning):
    """A handler is subscribed to a type that is not in the catalogue."""


def type_and_stack(
    error: BaseException, *, of_handler: bool = False, message: bool = False
) -> str:
    """The type and the stack of an error for the log, without its message.

    A message may quote data of the app, which must not be in a log.

    :param of_handler: whether a handler raised it. Then the stack begins with the handler.
    :param message: whether to include the message, in debug mode.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if of_handler:
        own = next((n for n, each in enumerate(frames) if not _is_machinery(each)), 0)
        frames = traceback.StackSummary.from_list(frames[own:])
    text = message_of(error) if message else ""
    title = type(error).__qualname__ + (text and f": {text}")
    return f"{title}\n{''.join(frames.format())}".rstrip()


def message_of(error: BaseException) -> str:
    """The message of an error, cut if it is too long. It may quote any data."""
    try:
        text = str(error)
    except Exception as odd:
        text = f"its text raised {type(odd).__qualname__}"
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…"


def _is_machinery(frame: traceback.FrameSummary) -> bool:
    """Whether it belongs to this package, or to the event loop: they call handlers."""
    return frame.filename.startswith(_MACHINERY)


_LONGEST_MESSAGE = 1_000  # characters
_MACHINERY = tuple(
    os.path.join(os.path.dirname(each), "")
    for each in (__file__, asyncio.__file__, concurrent.futures.__file__)
)
