"""Operations on providers: list them, describe what they offer, and report on their listeners."""

import msgspec

from penstock.author.hook import Hook
from penstock.errors import MissingProviderError, NotFoundError, PluginError, RequestError, StoreError
from penstock.model.access.permission import Permission
from penstock.model.connection import Connection
from penstock.service.choices.command_words import command_words
from penstock.service.choices.uses import uses_of
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.store import Listener
from penstock_manifest.discovery import installed_bytes, missing_requirements
from penstock_manifest.format import Manifest
from penstock_manifest.providers import Provider


class ProviderDetails(msgspec.Struct, frozen=True):
    """An installed provider.

    Attributes:
        problems: Why it is broken, one sentence each; nothing of it is used then.
        notes: What its user may want to know, and what forbids nothing.
        manifest: What it offers; None if it is broken.
        listener: How it fares as a listener to changes of states; None if it does not listen.
        disabled: Whether the settings forbid it, which is no fault of it.
        uses: By capability id, the settings that use it, such as ``[executors] far``.
        bytes: Size of the files of its distribution, as it wrote them down when it was installed; 0 if it did not.
    """

    id: str
    active: bool
    distributions: tuple[str, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    manifest: Manifest | None
    listener: Listener | None
    disabled: bool = False
    uses: dict[str, list[str]] = {}
    bytes: int = 0


@operation("GET", "/providers", needs=Permission.INSTALLATION_READ)
def list_providers(installation: Installation) -> list[ProviderDetails]:
    """List the installed providers, broken ones included; raises ConfigError."""
    return _details(installation, list(installation.host.providers()))


@operation("GET", "/providers/{provider_id}", needs=Permission.INSTALLATION_READ)
def show_provider(installation: Installation, provider_id: str) -> ProviderDetails:
    """Show an installed provider.

    Raises:
        NotFoundError: No provider of this id is installed.
        ConfigError: The file of isolated providers cannot be read.
    """
    host = installation.host
    if provider_id not in host.ids():
        hint = f"Install it with: plugin-manager install {provider_id}"
        raise NotFoundError("installed provider", provider_id, host.ids(), hint=hint)
    return _details(installation, [host.provider(provider_id)])[0]


def hook_for(installation: Installation, connection: Connection) -> type[Hook]:
    """Import the hook that reads connections of this type.

    Raises:
        RequestError: The core reads them itself, and cannot test them.
        MissingProviderError: No installed provider reads them.
        PluginError: The hook cannot be imported, or is none.
    """
    if connection.conn_type == "smtp":
        raise RequestError(
            f"connection {connection.conn_id!r}: the core itself reads smtp connections, for EmailOperator, and has no test of them. "
            "Send a mail with `penstock dags test`."
        )
    host = installation.host
    offered = host.capabilities("hooks")
    for capability in offered:
        if capability.connection_type == connection.conn_type:
            hook = host.resolve(capability.id, "hooks")
            if isinstance(hook, type) and issubclass(hook, Hook):
                return hook
            raise PluginError(f"{capability.id}: {capability.object} is no hook. Report it to the provider's author.")
    known = sorted({capability.connection_type for capability in offered})
    raise MissingProviderError(
        "",
        f"the connection {connection.conn_id!r} of type {connection.conn_type!r}",
        hint=f"Installed hooks read: {', '.join(known) or 'none'}. Look for one with: plugin-manager search {connection.conn_type}",
    )


def concerns(row: Listener) -> list[str]:
    """List what the user should know about a listener, a sentence each."""
    found = [f"it receives no change: {row.broken}"] if row.broken else []
    if row.failed:
        when = f" (the last one at {row.failed_at:%Y-%m-%d %H:%M:%S} UTC)" if row.failed_at else ""
        found.append(f"it failed at {row.failed} state changes{when}: {row.failure}")
    if row.missed:
        found.append(f"it has missed {row.missed} state changes, which will not be delivered any more")
    return found


def listener_state(row: Listener) -> list[str]:
    """Say how a listener fares, a sentence each."""
    if row.broken:
        return concerns(row)
    waiting = f"{row.waiting} state changes wait for it" if row.waiting else "no state change waits for it"
    return [waiting, *concerns(row)]


def _details(installation: Installation, providers: list[Provider]) -> list[ProviderDetails]:
    listeners = _listeners(installation, providers)
    contested = _contested(installation)
    forbidden = frozenset(installation.settings.disabled_providers)
    return [
        ProviderDetails(
            each.id,
            each.active,
            each.distributions,
            each.problems,
            (*each.notes, *contested.get(each.id, ()), *_unmet(each)),
            each.manifest,
            listeners.get(each.id),
            bool(forbidden & {each.id, "*"}),
            _uses(installation, each.manifest),
            sum(map(installed_bytes, each.entry_points)),
        )
        for each in providers
    ]


def _unmet(provider: Provider) -> list[str]:
    missing = dict.fromkeys(name for each in provider.entry_points for name in missing_requirements(each))
    return [
        f"it needs {name}, which is not installed: what of it uses that fails. Run `plugin-manager doctor`"
        for name in missing
    ]


def _contested(installation: Installation) -> dict[str, list[str]]:
    """By the ids of their providers, the words of commands that several claim, a sentence each."""
    found: dict[str, list[str]] = {}
    for word in command_words(installation.host).values():
        for owner in word.owners if word.problem else ():
            found.setdefault(owner, []).append(f"its commands cannot be called: {word.problem}")
    return found


def _uses(installation: Installation, manifest: Manifest | None) -> dict[str, list[str]]:
    found = {each.id: uses_of(installation.settings, each) for each in (manifest.capabilities if manifest else ())}
    return {capability_id: uses for capability_id, uses in found.items() if uses}


def _listeners(installation: Installation, providers: list[Provider]) -> dict[str, Listener]:
    """The row of each active provider that names a plugin module, by id; a new one for one that has received nothing yet.

    A database that cannot be read adds nothing here: these operations must work without it, and `check_installation`
    looks at it.
    """
    ids = [each.id for each in providers if each.manifest is not None and each.manifest.plugin]
    if not ids:
        return {}
    try:
        known = {row.provider: row for row in installation.store.outbox.listeners()}
    except StoreError:
        known = {}
    return {each: known.get(each, Listener(each)) for each in ids}
