"""``penstock providers``: what is installed beside the core, read from manifests without importing anything."""

from typing import Any

import click
import msgspec

from penstock.cli import names
from penstock.cli.installation import anywhere
from penstock.cli.provided.provider_cost import measure_provider
from penstock.cli.terminal import json_option, print_fields, print_json, print_line, print_remark, print_table
from penstock.errors import ExitCode
from penstock.service import providers as service
from penstock_manifest.format import Manifest, to_data


@click.group(invoke_without_command=True)
@click.pass_context
def providers(context: click.Context) -> None:
    """List and show what is installed beside the core."""
    if context.invoked_subcommand is None:
        context.invoke(list_providers)


providers.add_command(measure_provider)


@providers.command("list")
@json_option
@click.pass_context
def list_providers(context: click.Context, *, as_json: bool) -> None:
    """List providers, broken ones included."""
    with anywhere(context) as installation:
        found = service.list_providers(installation)
    if as_json:
        print_json([_data(each) for each in found])
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
        row = provider.listener
        for line in (*provider.problems, *provider.notes, *(service.concerns(row) if row else ())):
            print_remark(f"{provider.id}: {line}")


@providers.command("show")
@click.argument("provider_id", type=names.PROVIDER)
@json_option
@click.pass_context
def show_provider(context: click.Context, provider_id: str, *, as_json: bool) -> int:
    """Show what a provider offers; exit code 1 if it is broken."""
    with anywhere(context) as installation:
        found = service.show_provider(installation, provider_id)
    code = ExitCode.DONE if found.active else ExitCode.FAILED
    if as_json:
        print_json(_data(found))
        return code
    manifest = found.manifest
    powers = [f"{c.id} {power}" for c in (manifest.capabilities if manifest else ()) for power in c.powers]
    print_fields(
        {
            "provider": found.id,
            "name": manifest.name if manifest else "",
            "doc": manifest.doc if manifest else "",
            "distribution": ", ".join(found.distributions),
            "state": _state(found),
            "problems": "\n".join(found.problems),
            "notes": "\n".join(found.notes),
            **({"note well": "\n".join(powers)} if powers else {}),
            **({"listens": "\n".join(service.listener_state(found.listener))} if found.listener else {}),
        }
    )
    if manifest:
        print_line("")
        rows = [(c.id, c.kind, ", ".join(found.uses.get(c.id, ())), c.object, c.doc) for c in manifest.capabilities]
        rows += [(t.type, "connection type", "", "", t.doc) for t in manifest.connections]
        columns = ["capability", "kind", "used as", "class or function", "what it is"]
        print_table(columns, rows, empty="it offers nothing.")
        _print_arguments(manifest)
    return code


def _print_arguments(manifest: Manifest) -> None:
    """Print what each capability takes, and the fields of each connection."""
    rows = [
        (c.object.rpartition(":")[2], p.name, p.type, "required" if p.required else _default(p.default), p.doc)
        for c in manifest.capabilities
        for p in c.parameters
    ]
    rows += [
        (f"connection {t.type}", f.name, f.type, "required" if f.required else _default(f.default), f.doc)
        for t in manifest.connections
        for f in t.fields
    ]
    if rows:
        print_line("")
        print_table(["of", "argument or field", "type", "default", "what it is"], rows, empty="")


def _default(value: Any) -> str:  # noqa: ANN401 - of a manifest
    return "" if value is None else repr(value)


def _data(provider: service.ProviderDetails) -> dict[str, Any]:
    return {**msgspec.structs.asdict(provider), "manifest": to_data(provider.manifest)}


def _state(provider: service.ProviderDetails) -> str:
    if provider.disabled:
        return "disabled"
    return provider.manifest.state if provider.manifest else "broken"


def _offers(provider: service.ProviderDetails) -> str:
    if provider.manifest is None:
        return ""
    kinds: dict[str, int] = {}
    for capability in provider.manifest.capabilities:
        kinds[capability.kind] = kinds.get(capability.kind, 0) + 1
    names = {kind: kind.replace("_", " ") for kind in kinds}
    return ", ".join(f"{n} {names[kind] if n > 1 else names[kind].removesuffix('s')}" for kind, n in kinds.items())
