"""What is granted: whether it can be, in words, and as the audit keeps it."""

from collections.abc import Sequence
from datetime import datetime

from penstock.errors import RequestError
from penstock.model.access.principal import Grant
from penstock.model.history.audit import AskedBy, AuditAction, AuditEntry
from penstock.model.names import check_name


def check_grant(given: Grant) -> None:
    """Refuse a grant that names nothing, or something that can be no name; raises RequestError."""
    globs = (*given.dags, *given.tags, *given.connections, *given.variables, *given.pools)
    if not (globs or given.installation):
        raise RequestError(
            "the grant names no DAG, tag, connection, Variable or pool, nor the installation: it would allow nothing."
        )
    for each in globs:
        check_name("grant on", each)


def grant_entry(given: Grant, holder: str, now: datetime, by: AskedBy) -> AuditEntry:
    """What the audit keeps of a grant to somebody."""
    return by.entry(now, AuditAction.GRANT, subject=holder, after=grant_text(given))


def grant_text(given: Grant) -> str:
    """A grant on one line, such as ``operator on DAGs sales_*``."""
    named: Sequence[tuple[str, tuple[str, ...]]] = (
        ("DAGs", given.dags), ("tags", given.tags), ("connections", given.connections), ("Variables", given.variables),
        ("pools", given.pools),
    )  # fmt: skip
    things = [f"{what} {' '.join(globs)}" for what, globs in named if globs]
    return f"{given.role} on {', '.join([*things, *(['the installation'] if given.installation else [])])}"
