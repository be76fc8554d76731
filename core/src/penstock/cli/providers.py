"""``penstock providers``: what is installed beside the core, read from manifests without importing anything."""

from collections.abc import Mapping
from typing import Any

import click

from penstock.app.environments import plugin_host
from penstock.author.hook import Hook
from penstock.cli.installation import settings_of
from penstock.cli.listeners import concerns, listeners
from penstock.cli.output import json_option, print_fields, print_json, print_table
from penstock.errors import MissingProviderError, NotFoundError, PluginError
from penstock.model.connection import Connection
from penstock.plugins.fence import Provider
from penstock.store import Listener


@click.group(invoke_without_command=True)
@click.pass_context
def providers(context: click.Context) -> None:
    """List and show what is installed beside the core."""
    if context.invoked_subcommand is None:
        context.invoke(list_providers)


@providers.command("list")
@json_option
@click.pass_context
def list_providers(context: click.Context, *, as_json: bool) -> None:
    """List providers, broken ones included."""
    settings = settings_of(context)
    found = plugin_host(settings).providers()
    listening = listeners(settings, found)
    if as_json:
        print_json([_facts(each, listening) for each in found])
        return
    print_table(
        ["provider", "name", "distribution", "state", "offers"],
        [
            (p.id, p.manifest.name if p.manifest else "", ", ".join(p.distributions), _state(p), _offers(p))
            for p in found
        ],
        empty="no provider is installed. See: plugin-manager search",
    )
    for provider in found:
        row = listening.get(provider.id)
        for line in (*provider.problems, *provider.notes, *(concerns(row) if row else ())):
            click.echo(f"{provider.id}: {line}", err=True)


@providers.command("show")
@click.argument("provider_id")
@json_option
@click.pass_context
def show_provider(context: click.Context, provider_id: str, *, as_json: bool) -> int:
    """Show what a provider offers; exit code 1 if it is broken."""
    settings = settings_of(context)
    host = plugin_host(settings)
    if provider_id not in host.ids():
        hint = f"Install it with: plugin-manager install {provider_id}"
        raise NotFoundError("installed provider", provider_id, host.ids(), hint=hint)
    found = host.provider(provider_id)
    listening = listeners(settings, [found])
    if as_json:
        print_json(_facts(found, listening))
        return 0 if found.active else 1
    manifest = found.manifest
    print_fields(
        {
            "provider": found.id,
            "name": manifest.name if manifest else "",
            "doc": manifest.doc if manifest else "",
            "distribution": ", ".join(found.distributions),
            "state": _state(found),
            "problems": "\n".join(found.problems),
            "notes": "\n".join(found.notes),
            **({"listens": "\n".join(_hearing(listening[found.id]))} if found.id in listening else {}),
        }
    )
    if manifest:
        click.echo()
        rows = [(c.id, c.kind, c.doc) for c in manifest.capabilities]
        rows += [(t.type, "connection type", t.doc) for t in manifest.connections]
        print_table(["capability", "kind", "what it is"], rows, empty="it offers nothing.")
    return 0 if found.active else 1


def hook_for(context: click.Context, connection: Connection) -> type[Hook]:
    """The hook that reads connections of this type, imported; raises MissingProviderError or PluginError."""
    host = plugin_host(settings_of(context))
    offered = [c for p in host.providers() if p.manifest for c in p.manifest.capabilities if c.kind == "hooks"]
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
        hint=f"Installed hooks read: {', '.join(known) or 'none'}.",
    )


def _hearing(row: Listener) -> list[str]:
    if row.broken:
        return concerns(row)
    return [
        f"{row.waiting} state changes wait for it" if row.waiting else "no state change waits for it",
        *concerns(row),
    ]


def _facts(provider: Provider, listening: Mapping[str, Listener]) -> dict[str, Any]:
    return {
        "id": provider.id,
        "active": provider.active,
        "distributions": provider.distributions,
        "problems": provider.problems,
        "notes": provider.notes,
        "manifest": provider.manifest,
        "listener": listening.get(provider.id),
    }


def _state(provider: Provider) -> str:
    return provider.manifest.state if provider.manifest else "broken"


def _offers(provider: Provider) -> str:
    if provider.manifest is None:
        return ""
    kinds: dict[str, int] = {}
    for capability in provider.manifest.capabilities:
        kinds[capability.kind] = kinds.get(capability.kind, 0) + 1
    names = {kind: kind.replace("_", " ") for kind in kinds}
    return ", ".join(f"{n} {names[kind] if n > 1 else names[kind].removesuffix('s')}" for kind, n in kinds.items())
