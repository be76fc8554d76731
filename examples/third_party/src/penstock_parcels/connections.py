"""The fields of a depot."""

from dataclasses import dataclass

from penstock.spec.fields import Connection, read_fields


@dataclass(frozen=True, repr=False)
class DepotFields:
    """Where the depot is, and its seal."""

    folder: str
    seal: str = ""


def depot_fields(connection: Connection) -> DepotFields:
    """Read the fields; raises ConfigError with every unknown, missing and wrong one."""
    return read_fields(connection, DepotFields, {"seal": connection.password})
