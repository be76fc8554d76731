"""The kinds of connections that can be made here, with the fields of each."""

from typing import Any

import msgspec

from penstock.model.access.permission import Permission
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation

_MAIL = "smtp"


class ConnectionField(msgspec.Struct, frozen=True):
    """A field of a connection, as the provider that reads it declares it.

    Attributes:
        name: One of ``host``, ``port``, ``login``, ``password`` and ``schema``, or a key of ``extra``.
        type: The type as written in Python.
        secret: Whether its value is masked in logs and never shown.
    """

    name: str
    type: str = "str"
    doc: str = ""
    required: bool = False
    secret: bool = False
    default: Any = None


class ConnectionKind(msgspec.Struct, frozen=True):
    """A kind of connection.

    Attributes:
        type: What a connection of it has as its type.
        provider: Id of the provider that declares it; "" for the core's own.
        tested: Whether a connection of it can be tested.
    """

    type: str
    doc: str
    provider: str
    fields: tuple[ConnectionField, ...]
    tested: bool


_SMTP = ConnectionKind(
    _MAIL,
    "A mail server, for alerts and for mails of tasks.",
    "",
    (
        ConnectionField("host", doc="The server's name.", required=True),
        ConnectionField("port", "int", "Its port.", default=587),
        ConnectionField("login", doc="The account."),
        ConnectionField("password", doc="Its password.", secret=True),
        ConnectionField("from_email", doc="The sender of mails."),
    ),
    tested=False,
)


@operation("GET", "/connection-types", needs=Permission.CONNECTIONS_READ, subject="")
def list_connection_types(installation: Installation) -> list[ConnectionKind]:
    """List the kinds of connections that the installed providers and the core read, with the fields of each; raises ConfigError."""
    host = installation.host
    tested = {each.connection_type for each in host.capabilities("hooks")}
    found = {_MAIL: _SMTP}
    for provider in host.providers():
        for kind in provider.manifest.connections if provider.active and provider.manifest else ():
            fields = tuple(ConnectionField(*each) for each in kind.fields)
            found.setdefault(kind.type, ConnectionKind(kind.type, kind.doc, provider.id, fields, kind.type in tested))
    return [found[name] for name in sorted(found)]
