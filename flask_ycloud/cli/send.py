"""``send``: signed samples to a running app."""

from __future__ import annotations

import json
import random
import shlex
import statistics
import time
from collections import Counter
from collections.abc import Iterator

import click

from ..actions import log_action, os_user
from ..formats import counted
from ..protocol import Answer, post, post_all, signed_headers
from .bodies import Sendable, body_options, id_of
from .group import ycloud_cli
from .output import echo, in_line
from .targets import To, target_options
from .waiting import show_end, show_ends, wait_for

_LONGEST_TEXT = 300  # characters of an answer that are shown


@ycloud_cli.command()
@body_options
@target_options
@click.option("--count", default=1, type=click.IntRange(1), help="Send so many events.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="So many a second.")
@click.option(
    "--duplicate-share",
    default=0.0,
    type=click.FloatRange(0, 1),
    help="Send this share of them twice.",
)
@click.option("--shuffle", is_flag=True, help="Send them in random order.")
@click.option(
    "--print", "only_print", is_flag=True, help="Print the request, and send nothing."
)
@click.option(
    "--wait",
    is_flag=True,
    help="Wait until the event is handled, and show how it ended. A pause ends the wait.",
)
@click.option(
    "--wait-seconds",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0, 3600),
    help="How long --wait waits at most.",
)
def send(
    what: Sendable,
    to: To,
    count: int,
    rate: float | None,
    duplicate_share: float,
    shuffle: bool,
    only_print: bool,
    wait: bool,
    wait_seconds: float,
) -> None:
    """Send a signed sample of an event type to a running app.

    \b
    Examples:
      flask ycloud send sms.message.updated --set status=failed --wait
      flask ycloud send whatsapp.inbound_message.received --variant image
      flask ycloud send sms.message.updated --count 500 --port 8000
    """
    many = count > 1 or duplicate_share > 0
    if not only_print:
        log_action(os_user(), "send of a sample", count=count, type=what.type)
    if many and (only_print or what.event is None):
        raise click.UsageError("--print and --file are for one event, not for many.")
    seconds = wait_seconds if wait else None
    try:
        if only_print:
            _print(to, what)
        elif many:
            _send_many(to, what, _order(count, duplicate_share, shuffle), rate, seconds)
        else:
            _send_one(to, what, seconds)
    except ValueError as error:  # about the URL
        raise click.UsageError(str(error)) from None


def _print(to: To, what: Sendable) -> None:
    """The request, for reading, and as a curl command that sends the same bytes."""
    body = what.body
    if what.event is not None:
        body = json.dumps(what.event, indent=2).encode()
    headers = signed_headers(body, to.target.secret, to.target.endpoint_id)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    text = body.decode("utf-8", "backslashreplace")
    echo("\n".join([f"POST {to.target.url}", *lines, "", text, ""]))
    parts = [f"-H {shlex.quote(line)}" for line in lines]
    data = f"@{what.file}" if what.event is None else text
    parts += [f"--data-binary {shlex.quote(data)}"]
    echo(" \\\n  ".join([f"curl -i {shlex.quote(to.target.url)}", *parts]))


def _send_one(to: To, what: Sendable, wait_seconds: float | None) -> None:
    try:
        answer = post(to.target, what.body)
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise click.ClickException(
            f"No answer from {to.target.url}: {reason}. Is it running?"
        ) from None
    echo(f"{what.id} {what.type} → {answer.status} {_text_of(answer)}")
    if not answer.acknowledged:
        raise click.exceptions.Exit(1)
    if wait_seconds is not None:
        started = time.monotonic()
        event = wait_for(to, what.id, started + wait_seconds)
        if not show_end(to, event, time.monotonic() - started):
            raise click.exceptions.Exit(1)


def _text_of(answer: Answer) -> str:
    """An answer's text in a line, or what it means."""
    if answer.location is not None:
        where = _in_a_line(answer.location)
        return f"It redirects to {where}. send does not follow redirects: use that URL."
    if answer.text.lstrip().startswith("<"):
        hint = " Is the path right?" if answer.status == 404 else ""
        return f"An HTML page of {counted(len(answer.text), 'character')}.{hint}"
    return _in_a_line(answer.text)


def _in_a_line(text: str) -> str:
    text = " ".join(text.split())
    text = in_line(text)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def _order(count: int, duplicate_share: float, shuffle: bool) -> list[int]:
    """Which of the events to send, one after the other."""
    rng = random.Random()  # noqa: S311  (nothing secret)
    twice = set(rng.sample(range(count), round(count * duplicate_share)))
    order = [each for number in range(count) for each in [number] * (1 + (number in twice))]
    if shuffle:
        rng.shuffle(order)
    return order


def _send_many(
    to: To,
    what: Sendable,
    order: list[int],
    rate: float | None,
    wait_seconds: float | None,
) -> None:
    event_ids: dict[str, None] = {}

    def noted() -> Iterator[bytes]:
        for body in what.many(order):
            event_ids[id_of(body)] = None
            yield body

    started = time.perf_counter()
    sending = post_all(to.target, noted(), rate=rate)
    with click.progressbar(sending, length=len(order), label="Sending") as answers:
        answered = list(answers)
    _summary(answered, time.perf_counter() - started)
    good = all(each.acknowledged for each in answered)
    if good and wait_seconds is not None:
        good = show_ends(to, event_ids, wait_seconds)
    if not good:
        raise click.exceptions.Exit(1)


def _summary(answers: list[Answer], seconds: float) -> None:
    """Print how often each answer came, and the times to the answers."""
    counts = Counter(
        f"{each.status} {_text_of(each)}" if each.status else "" for each in answers
    )
    for answer, count in counts.most_common():
        echo(f"{count:>8}  {answer or 'no answer'}")
    times = sorted(1000 * each.seconds for each in answers if each.status)
    echo(f"{len(answers) / seconds:.0f} a second, in {seconds:.1f} s.")
    if len(times) > 1:
        cuts = statistics.quantiles(times, n=100, method="inclusive")
        figures = [(f"p{each}", cuts[each - 1]) for each in (50, 90, 99)]
        shown = ", ".join(f"{name} {ms:.1f}" for name, ms in [*figures, ("max", times[-1])])
        echo(f"Milliseconds to the answer: {shown}.")
