"""Operations on an installation as a whole: its settings, its database and its keys."""

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.secret import secrets_in
from penstock.model.values.address_secrets import without_secrets_in_urls
from penstock.processes.masking import hide_values
from penstock.service.installation import Installation
from penstock.settings import SECTIONS, Settings
from penstock.store import UnreadableSecrets


class DatabaseCheck(NamedTuple):
    """A database and what is wrong inside it, one sentence each."""

    database: str
    problems: list[str]


def check_database(installation: Installation) -> DatabaseCheck:
    """Read the whole database and look for damage; raises StoreError if it cannot be opened."""
    return DatabaseCheck(installation.store.name, installation.store.check())


def rotate_keys(installation: Installation, *, by: AskedBy = NOBODY) -> int:
    """Encrypt every secret again with the first key.

    Returns:
        How many secrets there were.

    Raises:
        ConfigError: No key fits one of them; nothing was changed.
        StoreError: The database failed.
    """
    entry = by.entry(installation.now(), AuditAction.DATABASE, subject="keys rotated")
    return installation.store.config.rotate_keys(entry)


def forget_secrets(installation: Installation, *, dry_run: bool, by: AskedBy = NOBODY) -> UnreadableSecrets:
    """Delete the secrets that no key decrypts: the way out where a key is lost for good.

    Args:
        installation: The installation.
        dry_run: Whether to delete nothing.
        by: Who asks, for the audit.

    Returns:
        What is deleted.

    Raises:
        ConfigError: A key is there, and unusable; nothing was changed.
        StoreError: The database failed; nothing was changed.
    """
    config = installation.store.config
    if dry_run:
        return config.unreadable()
    entry = by.entry(installation.now(), AuditAction.DATABASE, subject="secrets that no key decrypts deleted")
    return config.forget_unreadable(entry)


def show_settings(settings: Settings) -> dict[str, Any]:
    """Every setting as it holds here, without secrets, by table, and the paths that follow from them."""
    facts: dict[str, Any] = {"file": str(settings.file) if settings.file else None}
    for section, kind in SECTIONS.items():
        values = getattr(settings, section)
        facts[section] = {key: getattr(values, key) for key in kind.__struct_fields__}
    facts["database"]["url"] = _without_password(settings.database.url)
    facts["secrets"]["order"] = settings.secrets_order
    for section in ("executors", "secrets_backends", "services"):
        entries = getattr(settings, section)
        facts[section] = {name: _entry(each) for name, each in entries.items()}
    facts["queues"] = settings.queues
    facts["queue_limits"] = settings.queue_limits
    facts["queue_workers"] = {name: rule._asdict() for name, rule in settings.queue_workers.items()}
    facts["tenants"] = {name: rule._asdict() for name, rule in settings.tenants.items()}
    facts["paths"] = {
        "root": str(settings.root),
        "dags_folder": str(settings.dags_folder),
        "state_folder": str(settings.state_folder),
        "logs_folder": str(settings.logs_folder),
        "database": _without_password(settings.database_url),
        "keys": "PENSTOCK_SECRET_KEY" if settings.secret_keys else str(settings.key_file),
    }
    facts["connections"] = sorted(settings.connections)
    facts["variables"] = sorted(settings.variables)
    shown: dict[str, Any] = without_secrets_in_urls(facts)
    return shown


def _entry(chosen: msgspec.Struct) -> dict[str, Any]:
    """An entry of a table as it is written, and the defaults of what is not; its secrets are hidden."""
    values = msgspec.structs.asdict(chosen)
    options = values.pop("options")
    shown: dict[str, Any] = hide_values({**values, **options}, set(secrets_in(options)))
    return shown


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True) if url else ""
    except ArgumentError:
        return "(cannot be read)"
