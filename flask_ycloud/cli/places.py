"""Where deliveries arrive: at an endpoint, or at one of its tenants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import click

from ..errors import AmbiguousEvent, ConfigurationError, UnknownTenant
from ..runtime import Runtime
from . import completion

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Place(NamedTuple):
    """An endpoint of the app; where it serves many accounts, with one of its tenants."""

    endpoint: str
    tenant: str | None = None

    def __str__(self) -> str:
        return self.endpoint if self.tenant is None else f"{self.endpoint} of {self.tenant}"

    def path(self, runtime: Runtime) -> str:
        """The path to which YCloud sends."""
        return runtime.path_of(*self)

    def secrets(
        self, runtime: Runtime, endpoint_id: str | None = None
    ) -> tuple[str | bytes, ...]:
        """Fetch its signing secrets.

        :raises UnknownTenant: if there is no such tenant.
        :raises ConfigurationError: if they cannot be fetched.
        """
        try:
            return runtime.endpoints[self.endpoint].secrets.of(self.tenant, endpoint_id)
        except UnknownTenant as error:
            raise UnknownTenant(self._why(error, endpoint_id)) from None

    def _why(self, error: UnknownTenant, endpoint_id: str | None) -> str:
        if self.tenant is not None:
            return f"{str(error).rstrip('.')}: {self.tenant!r}."
        if endpoint_id is not None:
            return f"{self.endpoint!r} has no secret for the endpoint id {endpoint_id!r}."
        return (
            f"{self.endpoint!r} has a secret for each endpoint id. Give the id at YCloud:"
            " --endpoint-id ID"
        )


def place_named(runtime: Runtime, endpoint: str | None, tenant: str | None) -> Place:
    """What the options of a command name.

    :param endpoint: the first one if it is ``None``.
    :raises ConfigurationError: if there is none of that name, or if it serves many accounts
        and no tenant is given, or the other way round.
    """
    place = Place(runtime.endpoint_named(endpoint), tenant)
    if tenant is None and runtime.serves_many(place.endpoint):
        raise ConfigurationError(
            f"The endpoint {place.endpoint!r} serves many accounts. Name the tenant:"
            " --tenant NAME"
        )
    place.path(runtime)
    return place


def places(runtime: Runtime, tenants: Sequence[str]) -> Iterator[Place]:
    """Every endpoint; one that serves many accounts once for each of some tenants."""
    for name in runtime.endpoints:
        if runtime.serves_many(name):
            yield from (Place(name, tenant) for tenant in tenants)
        else:
            yield Place(name)


def where_options(command: _Command) -> _Command:
    """The options that choose one of several events with the same id."""
    tenant = click.option(
        "--tenant",
        shell_complete=completion.tenants,
        help="The tenant of the event, if several tenants have its id.",
    )
    endpoint = click.option(
        "--endpoint",
        shell_complete=completion.endpoints,
        help="The endpoint of the event, if several endpoints have its id.",
    )
    return endpoint(tenant(command))


@contextmanager
def telling_how() -> Iterator[None]:
    """If an id is ambiguous, name the options that choose one event."""
    try:
        yield
    except AmbiguousEvent as error:
        which = str(error).partition(" Say which")[0]
        raise click.ClickException(
            f"{which} Choose one with --endpoint and --tenant."
        ) from None
