"""How the providers fare that listen to changes of states, for ``penstock providers`` and ``penstock doctor``."""

from collections.abc import Sequence

from penstock.app.compose import open_store
from penstock.errors import StoreError
from penstock.plugins.fence import Provider
from penstock.settings import Settings
from penstock.store import Listener


def listeners(settings: Settings, providers: Sequence[Provider]) -> dict[str, Listener]:
    """The row of each active provider that names a plugin module, by id; a new one for one that has heard nothing yet.

    A database that cannot be read tells nothing here: these commands must work without it, and ``doctor`` looks at it.
    """
    ids = [each.id for each in providers if each.manifest is not None and each.manifest.plugin]
    if not ids:
        return {}
    try:
        with open_store(settings, create=False) as store:
            known = {row.provider: row for row in store.outbox.listeners()}
    except StoreError:
        known = {}
    return {each: known.get(each, Listener(each)) for each in ids}


def concerns(row: Listener) -> list[str]:
    """What a person should know of a listener, a sentence each."""
    found = [f"it hears of no change: {row.broken}"] if row.broken else []
    if row.failed:
        when = f" (the last one at {row.failed_at:%Y-%m-%d %H:%M:%S} UTC)" if row.failed_at else ""
        found.append(f"it failed at {row.failed} state changes{when}: {row.failure}")
    if row.missed:
        found.append(f"it has missed {row.missed} state changes, which nobody will tell it any more")
    return found
