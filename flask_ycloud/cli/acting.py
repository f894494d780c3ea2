"""Acting on events: ``replay`` and ``discard``, by ids or by a selection."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click
from flask import current_app

from ..actions import WHY_SKIPPED, log_action, os_user
from ..errors import YCloudError
from ..formats import counted
from ..runtime import runtime_of
from . import completion
from .group import ycloud_cli
from .output import echo
from .places import telling_how
from .selecting import selection_options

if TYPE_CHECKING:
    from ..inbox import Identity, Inbox, Report, SelectedEvents, Selection

_Command = TypeVar("_Command", bound=Callable[..., Any])

#: Acts on selected events, and calls the function after each batch.
_Act = Callable[["SelectedEvents", Callable[[int], None]], "Report"]

#: Acts on one event, by its id and where it is.
_ActOnOne = Callable[..., None]


def _acting_options(command: _Command) -> _Command:
    """The options of a command that acts on events."""
    for option in (
        click.option("--json", "json_too", is_flag=True, help="Report for scripts."),
        click.option("--yes", "-y", "sure", is_flag=True, help="Do not ask."),
        selection_options,
        click.argument("event_ids", nargs=-1, shell_complete=completion.event_ids),
    ):
        command = option(command)
    return command


@ycloud_cli.command()
@_acting_options
@click.option(
    "--all", "succeeded_too", is_flag=True, help="Also run those that have succeeded."
)
def replay(
    event_ids: tuple[str, ...],
    selection: Selection,
    sure: bool,
    json_too: bool,
    succeeded_too: bool,
) -> None:
    """Run the handlers that have not succeeded.

    Name the events by their ids, or select them by the options.

    \b
    Examples:
      flask ycloud replay evt_0f2ae3c2
      flask ycloud replay --state dead --handler shop.crm:update --since 2h
    """
    if succeeded_too and selection.unhandled:
        raise click.UsageError(
            "--all does not go with --unhandled: no handler has run for those events."
        )
    inbox = runtime_of(current_app).inbox

    def one(event_id: str, **where: Any) -> None:
        inbox.replay(event_id, succeeded_too=succeeded_too, **where)

    def some(selected: SelectedEvents, progress: Callable[[int], None]) -> Report:
        return selected.replay(succeeded_too=succeeded_too, progress=progress)

    how = {"succeeded_too": succeeded_too}
    done = "" if succeeded_too else " It was done: without --all only new handlers run."
    acting = _Acting("Replay", "queued for replay", sure, json_too, how, if_done=done)
    acting.on(inbox, event_ids, selection, one, some)


@ycloud_cli.command()
@_acting_options
@click.option("--reason", required=True, help="Kept with each event, and shown.")
def discard(
    event_ids: tuple[str, ...],
    selection: Selection,
    sure: bool,
    json_too: bool,
    reason: str,
) -> None:
    """End events for good: pending ones, dead letters and unhandled ones.

    Name the events by their ids, or select them by the options. They stay in the inbox as
    long as done events do, and can be replayed.

    \b
    Example:
      flask ycloud discard --cause 3f2a91c0 --reason "The account is closed"
    """
    if not reason.strip():
        raise click.BadParameter("Say why.", param_hint="--reason")
    inbox = runtime_of(current_app).inbox

    def one(event_id: str, **where: Any) -> None:
        inbox.discard(event_id, reason, **where)

    def some(selected: SelectedEvents, progress: Callable[[int], None]) -> Report:
        return selected.discard(reason, progress=progress)

    acting = _Acting("Discard", "discarded", sure, json_too, {})
    acting.on(inbox, event_ids, selection, one, some)


@ycloud_cli.command()
@_acting_options
def delete(
    event_ids: tuple[str, ...], selection: Selection, sure: bool, json_too: bool
) -> None:
    """Delete events for good, with their bodies and the outcomes of their handlers.

    Name the events by their ids, or select them by the options. Only their ids stay for a
    while, so that a copy of a delivery runs no handler.

    \b
    Example:
      flask ycloud delete evt_0f2ae3c2
    """
    inbox = runtime_of(current_app).inbox
    if event_ids and not sure:
        events = counted(len(event_ids), "event")
        click.confirm(f"Delete {events} for good?", abort=True, err=True)

    def one(event_id: str, **where: Any) -> None:
        inbox.delete(event_id, **where)

    def some(selected: SelectedEvents, progress: Callable[[int], None]) -> Report:
        return selected.delete(progress=progress)

    acting = _Acting("Delete", "deleted", sure, json_too, {})
    acting.on(inbox, event_ids, selection, one, some)


class _Acting:
    """An action: it asks for confirmation, acts, and reports.

    :param verb: the name of the action, for the question.
    :param outcome: what the action makes of an event, for the report.
    :param sure: whether to act without a question.
    :param json_too: whether to report as JSON.
    :param how: the options of the action, for the log.
    :param if_done: reported, too, of an event that was done.
    """

    def __init__(
        self,
        verb: str,
        outcome: str,
        sure: bool,
        json_too: bool,
        how: dict[str, Any],
        *,
        if_done: str = "",
    ) -> None:
        self._verb = verb
        self._how = how
        self._outcome = outcome
        self._sure = sure
        self._json = json_too
        self._if_done = if_done

    def on(
        self,
        inbox: Inbox,
        event_ids: Sequence[str],
        selection: Selection,
        one: _ActOnOne,
        some: _Act,
    ) -> None:
        """Act on named or selected events. Exit with status 1 if some were skipped."""
        from ..inbox import Selection  # here, since it needs SQLAlchemy

        where = Selection(endpoint=selection.endpoint, tenant=selection.tenant)
        if not event_ids:
            report = self._on_selected(inbox.select(_narrowed(selection)), some)
            how = selection.narrowing | self._how
            log_action(os_user(), self._verb.lower(), count=report.done, **how)
        elif selection != where:
            raise click.UsageError(
                "Give ids or a selection, not both. With ids, use only --endpoint and"
                " --tenant."
            )
        else:
            report = self._on_each(inbox, event_ids, where, one)
        self._finish(report, named=bool(event_ids))

    def _on_selected(self, selected: SelectedEvents, act: _Act) -> Report:
        from ..inbox import Report  # here, since it needs SQLAlchemy

        count = selected.count()
        if not count:
            return Report(0)
        if not self._sure:
            click.confirm(f"{self._verb} {counted(count, 'event')}?", abort=True, err=True)
        with _progress(self._verb, count) as progress:
            return act(selected, progress)

    def _on_each(
        self, inbox: Inbox, event_ids: Sequence[str], where: Selection, act: _ActOnOne
    ) -> Report:
        from ..inbox import Identity, Report

        done, skipped = list[Identity](), Counter[str]()
        for event_id in event_ids:
            try:
                with telling_how():
                    found = inbox.find(
                        event_id, endpoint=where.endpoint, tenant=where.tenant
                    )
                this = found or Identity(event_id, where.endpoint or "", where.tenant or "")
                more = self._if_done if self._if_done and _is_done(inbox, this) else ""
                act(event_id, endpoint=this.endpoint, tenant=this.tenant)
            except (YCloudError, click.ClickException) as error:
                if type(error) not in _WHY:
                    raise
                skipped[_WHY[type(error)]] += 1
                echo(f"Error: {error}", err=True)
                continue
            done.append(this)
            if not self._json:
                echo(f"{event_id} is {self._outcome}.{more}")
        if done:
            log_action(os_user(), self._verb.lower(), done, **self._how)
        return Report(len(done), dict(skipped))

    def _finish(self, report: Report, *, named: bool) -> None:
        """Report what was done. Each action of these commands ends here, once."""
        if self._json:
            skipped = dict(report.skipped)
            echo(json.dumps({"done": report.done, "skipped": skipped}))
        elif not named:  # named events were reported one by one
            verb = "is" if report.done == 1 else "are"
            echo(f"{counted(report.done, 'event')} {verb} {self._outcome}.")
            for reason, count in report.skipped.items():
                echo(f"{counted(count, 'event')} skipped: {reason}.", err=True)
        if report.skipped:
            click.get_current_context().exit(1)


#: An ambiguous id has become an error that names the options.
_WHY = {**WHY_SKIPPED, click.ClickException: "the id exists more than once"}


def _narrowed(selection: Selection) -> Selection:
    from ..inbox import Selection

    if selection == Selection():
        raise click.UsageError(
            "Name the events by their ids, or select some: for example --state dead."
        )
    return selection


def _is_done(inbox: Inbox, this: Identity) -> bool:
    done = inbox.select(
        ids=[this.id], endpoint=this.endpoint, tenant=this.tenant, state="done"
    )
    return done.count() == 1


@contextmanager
def _progress(label: str, count: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, and nothing elsewhere."""
    if not _is_a_terminal():
        yield lambda count: None
        return
    with click.progressbar(length=count, label=label, file=sys.stderr) as bar:
        yield bar.update


def _is_a_terminal() -> bool:
    return sys.stderr.isatty()
