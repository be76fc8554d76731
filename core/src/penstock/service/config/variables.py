"""Operations on Variables; what the environment sets comes first."""

from datetime import datetime

import msgspec

from penstock.errors import NotFoundError
from penstock.model.names import check_name, check_text
from penstock.processes.masking import MASK
from penstock.service.installation import Installation
from penstock.tries.vault import DATABASE


class VariableSummary(msgspec.Struct, frozen=True):
    """A Variable for people.

    Attributes:
        source: Name of the source that it is from, such as ``environment`` or ``database``.
        shadowed: True if an earlier source has a Variable of this key, too, so that this one is not used.
    """

    key: str
    value: str
    description: str
    changed_at: datetime | None
    source: str
    shadowed: bool = False


def list_variables(installation: Installation) -> list[VariableSummary]:
    """List every Variable by key, with ``***`` for a value that holds secrets.

    Raises:
        ConfigError: The keyring does not fit, or a source failed.
        StoreError: The database failed.
    """
    stored = {each.key: each for each in installation.store.config.variables()}
    found = []
    for key, each in installation.vault.all_variables():
        about = stored.get(key) if each.source == DATABASE else None
        description, changed_at = (about.description, about.changed_at) if about else ("", None)
        text = MASK if each.secrets else each.value
        found.append(VariableSummary(key, text, description, changed_at, each.source, each.shadowed))
    return sorted(found, key=lambda each: each.key)


def get_variable(installation: Installation, key: str) -> str:
    """Get the text of the Variable that a task would get; raises NotFoundError, ConfigError or StoreError."""
    value = installation.vault.variable(key).value
    if value is None:
        raise NotFoundError("variable", key, installation.vault.variable_keys())
    return value


def set_variable(installation: Installation, key: str, value: str, description: str = "") -> bool:
    """Store a Variable in place of any of the same key.

    Returns:
        Whether it is used: another source that comes first may have a Variable of this key.

    Raises:
        RequestError: The key cannot be used.
        ConfigError: The keyring does not fit what is stored.
        StoreError: The database failed.
    """
    check_name("variable", key)
    check_text("variable", key, value)
    installation.store.config.put_variable(key, value, installation.now(), description)
    return installation.vault.variable(key).source == DATABASE


def delete_variable(installation: Installation, key: str) -> None:
    """Delete a stored Variable; raises NotFoundError or StoreError."""
    installation.store.config.delete_variable(key)
