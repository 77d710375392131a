"""People, tokens, owners."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from vpp.api.values.basics import Given, Name, Password, Shown, Text, example
from vpp.store.people import Role


class SetUp(Given):
    model_config = example(token="what `vpp up` printed", name="Ada", password="at least twelve characters")

    token: Text
    name: Name
    password: Password


class LogIn(Given):
    model_config = example(name="Ada", password="at least twelve characters")

    name: Name
    password: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Session(Shown):
    name: str
    role: Role
    owner: str | None
    csrf_token: str | None = None
    """Only after log-in: to be sent as X-CSRF-Token with every change."""


class NewPerson(Given):
    model_config = example(name="Anna", role="owner", owner="anna", password="at least twelve characters")

    name: Name
    role: Role
    owner: Name | None = None
    """For the role owner: whose assets."""
    password: Password


class Person(Shown):
    name: str
    role: Role
    owner: str | None
    active: bool
    created: datetime


class Activity(Given):
    model_config = example(active=False)

    active: bool


Scope = Literal["read", "write"]


class NewToken(Given):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "SCADA", "role": "viewer", "scopes": ["read"], "days": 90}]},
    )

    name: Name
    role: Role
    owner: Name | None = None
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=2)]
    days: Annotated[int, Field(ge=1, le=366)] = 90


class Token(Shown):
    token_id: UUID
    name: str
    role: Role
    owner: str | None
    scopes: list[str]
    author: str
    created: datetime
    expires: datetime
    revoked: datetime | None


class TokenSecret(Shown):
    secret: str
    """Shown this once."""
    token: Token


class Owner(Given):
    model_config = example(owner="anna")

    owner: Name | None
    """null: the utility itself."""


class Erased(Shown):
    pseudonym: str
    """What stands for the name from now on."""
    rows: dict[str, int]
    """Deleted rows by table."""
    audit_entries: int
    """That named the person and no longer do."""
