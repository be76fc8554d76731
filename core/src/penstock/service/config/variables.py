"""Operations on Variables; what the environment sets comes first."""

from datetime import datetime

import msgspec

from penstock.errors import NotFoundError
from penstock.model.access.permission import Permission
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction, AuditEntry
from penstock.model.names import check_name, check_text
from penstock.model.secret import variable_secrets
from penstock.processes.masking import MASK
from penstock.service.config.used import why_unused
from penstock.service.config.vault_page import VaultPage
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.service.operations.page import PagedList, PageSize
from penstock.tries import vault_listing
from penstock.tries.vault_sources import DATABASE


class VariableSummary(msgspec.Struct, frozen=True):
    """A Variable for people.

    Attributes:
        value: Its text, ``***`` if that holds secrets; "" of a secrets backend, whose values are not asked for.
        source: Name of the source that it is from: ``environment``, ``database``, or a secrets backend.
        shadowed: True if an earlier source has a Variable of this key, too, so that this one is not used.
        withheld: Name of an earlier source that fails: nobody is given this Variable until that answers.
    """

    key: str
    value: str
    description: str
    changed_at: datetime | None
    source: str
    shadowed: bool = False
    withheld: str = ""


_LIST = PagedList("Variables", tuple[str, bool, str])


@operation("GET", "/variables", needs=Permission.VARIABLES_READ, subject="")
def list_variables(installation: Installation, *, after: str = "", limit: PageSize = 200) -> VaultPage[VariableSummary]:
    """List a page of the Variables by key, with ``***`` for a value that holds secrets.

    Raises:
        ConfigError: The keyring does not fit.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    stored = {each.key: each for each in installation.store.config.variables()}
    listing, found = vault_listing.list_variables(installation.vault), []
    for each in listing.things:
        if not installation.may(Permission.VARIABLES_READ, each.name):
            continue
        about = stored.get(each.name) if each.source == DATABASE else None
        description, changed_at = (about.description, about.changed_at) if about else ("", None)
        value = "" if each.found is None else MASK if each.found.secrets else each.found.value
        found.append(
            VariableSummary(each.name, value, description, changed_at, each.source, each.shadowed, each.withheld)
        )
    page = _LIST.page_of_all(found, after, limit, lambda each: (each.key, each.shadowed, each.source))
    return VaultPage(items=page.items, next=page.next, failures=listing.failures, silent=listing.silent)


@operation("GET", "/variables/{key}", needs=Permission.VARIABLES_READ)
def get_variable(installation: Installation, key: str) -> str:
    """Get the text of the Variable that a task would get; raises NotFoundError, ConfigError or StoreError."""
    value = installation.vault.variable(key).value
    if value is None:
        raise NotFoundError("variable", key, installation.vault.known_variables())
    return value


@operation("PUT", "/variables/{key}", needs=Permission.VARIABLES_WRITE)
def set_variable(
    installation: Installation, key: str, value: str, description: str = "", *, by: AskedBy = NOBODY
) -> str:
    """Store a Variable in place of any of the same key.

    Returns:
        Why it is not used, for another source that comes first may have a Variable of this key, or fail; "" if it is.

    Raises:
        RequestError: The key cannot be used.
        ConfigError: The keyring does not fit what is stored.
        StoreError: The database failed.
    """
    check_name("variable", key)
    check_text("variable", key, value)
    now = installation.now()

    def entry(before: str | None) -> AuditEntry:
        words = "" if before is None else _shown(key, before)
        return by.entry(now, AuditAction.SET, subject=f"Variable {key!r}", before=words, after=_shown(key, value))

    unused = why_unused(installation.vault, "variable", key, f"PENSTOCK_VAR_{key.upper()}")
    installation.store.config.put_variable(key, value, now, description, entry)
    return unused


def _shown(key: str, value: str) -> str:
    """The text of a Variable for the audit; nothing of one that holds secrets."""
    return MASK if variable_secrets(key, value) else value


@operation("DELETE", "/variables/{key}", needs=Permission.VARIABLES_WRITE)
def delete_variable(installation: Installation, key: str, *, by: AskedBy = NOBODY) -> None:
    """Delete a stored Variable; raises NotFoundError or StoreError."""
    entry = by.entry(installation.now(), AuditAction.DELETE, subject=f"Variable {key!r}")
    installation.store.config.delete_variable(key, entry)
