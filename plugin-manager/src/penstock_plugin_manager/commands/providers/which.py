"""``which``: the provider of a capability."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import add_source_options
from penstock_plugin_manager.change.known_providers import KnownProvider, known_providers
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import MissingError, did_you_mean
from penstock_plugin_manager.model.offers import Offer, offer_data, offers_of
from penstock_plugin_manager.output import Result, next_command


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("capability", help="a capability id, class name, connection type, URL or its scheme, or import")
    add_source_options(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Name the provider of a capability id, class name, connection type, URL or its scheme, or import. Exit code 3 if there is none.

    Raises:
        MissingError: no known provider offers it.
    """
    wanted = options.capability
    scheme = wanted.partition("://")[0] if "://" in wanted else ""
    known = known_providers(session)
    found = [
        (each, capability)
        for each in known
        for capability in offers_of(each.manifest)
        if _is(capability, wanted, scheme)
    ]
    owners: list[tuple[KnownProvider, Offer | None]] = [*found]
    top = wanted.split(".")[0].split(":")[0]
    owners += [(each, None) for each in known if top in each.manifest.imports and not found]
    if not owners:
        every = [capability.id for each in known for capability in offers_of(each.manifest)]
        raise MissingError(
            f"No known provider offers {wanted!r}.", did_you_mean(wanted, every) or "Try: plugin-manager search TEXT"
        )
    data = [
        {
            "provider": each.id,
            "distribution": each.distribution,
            "where": each.where,
            "capability": offer_data(capability) if capability else None,
        }
        for each, capability in owners
    ]
    lines = []
    for each, capability in owners:
        standing = f"installed {each.installed}" if each.installed else "not installed"
        what = (
            f"{capability.kind}: {capability.id} -> {capability.object or capability.doc}"
            if capability
            else f"import {top}"
        )
        lines.append(f"{each.id} ({standing})  {what}")
    missing = sorted({each.id for each, _ in owners if not each.installed})
    return Result({"matches": data}, [*lines, *([next_command(f"install {' '.join(missing)}")] if missing else [])])


def _is(capability: Offer, wanted: str, scheme: str) -> bool:
    if scheme:
        return scheme in capability.schemes
    names = {
        capability.id,
        capability.object,
        capability.object.rpartition(":")[2],
        capability.object.replace(":", "."),
    }
    return wanted in names | {capability.connection_type, *capability.schemes} - {""}
