"""The customers of the shop, with their API keys and signing secrets encrypted."""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

# The first key encrypts, and any of them decrypts. Without a key the app does not start.
keys = MultiFernet([Fernet(each) for each in os.environ["CUSTOMER_KEYS"].split()])
engine = sa.create_engine(
    os.environ.get("DATABASE_URL", "sqlite:///shop.db"),
    hide_parameters=True,  # otherwise the text of an error may contain a secret
)


class Encrypted(sa.TypeDecorator[str]):
    """A text that is stored encrypted."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> bytes:
        return keys.encrypt(value.encode())

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> str:
        return keys.decrypt(value).decode()


class Base(DeclarativeBase):
    """The shop's own tables."""


class Customer(Base):
    """A customer. Its name is the tenant in the URL."""

    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    endpoint_id: Mapped[str]
    api_key: Mapped[str] = mapped_column(Encrypted)
    secret: Mapped[str] = mapped_column(Encrypted)


class Message(Base):
    """A message to a customer. It is kept after the customer has left."""

    __tablename__ = "messages"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]


def lookup(tenant: str | None, endpoint_id: str | None) -> str | None:
    """Return the signing secret of a customer; ``None`` if there is no such customer."""
    with Session(engine) as session:
        return session.scalar(sa.select(Customer.secret).where(Customer.name == tenant))


def find(name: str) -> Customer | None:
    """Return the customer with a name; ``None`` if there is none."""
    with Session(engine) as session:
        return session.scalar(sa.select(Customer).where(Customer.name == name))
