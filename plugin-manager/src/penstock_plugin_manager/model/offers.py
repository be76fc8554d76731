"""What a manifest offers, as one list that can be searched and shown: capabilities and connection types alike."""

from __future__ import annotations

from typing import Any, NamedTuple

from penstock_manifest.format import Field, Manifest, Parameter, to_data
from penstock_manifest.kinds import CONNECTIONS


class Offer(NamedTuple):
    """One thing that a provider offers.

    Attributes:
        kind: The array of the manifest that holds it, such as ``operators``.
        id: Its id; the type of a connection type.
        object: What is imported on first use; empty for a connection type.
        parameters: Its parameters, or a connection type's fields.
        powers: What it may do beyond others of its kind, each as the end of a sentence that begins with its id.
    """

    kind: str
    id: str
    doc: str
    object: str = ""
    extra: str = ""
    connection_type: str = ""
    schemes: tuple[str, ...] = ()
    parameters: tuple[Parameter | Field, ...] = ()
    state: str = "stable"
    replacement: str = ""
    powers: tuple[str, ...] = ()


def offers_of(manifest: Manifest) -> list[Offer]:
    """Return all that a manifest offers: its capabilities in their order, then its connection types."""
    found = [
        Offer(
            each.kind, each.id, each.doc, each.object, each.extra, each.connection_type,
            (each.scheme,) if each.scheme else (), each.parameters, each.state, each.replacement, each.powers,
        )
        for each in manifest.capabilities
    ]  # fmt: skip
    found += [
        Offer(CONNECTIONS.name, each.type, each.doc, connection_type=each.type, schemes=each.schemes, parameters=each.fields)
        for each in manifest.connections
    ]  # fmt: skip
    return found


def offer_data(capability: Offer) -> dict[str, Any]:
    """Return a capability for programs, without what is empty."""
    data: dict[str, Any] = to_data(capability)
    return {key: value for key, value in data.items() if value not in ("", [], ())}


def provides(capability: Offer, kind: str, name: str) -> bool:
    """Tell whether a capability is what ``KIND:NAME`` asks for; the kind may be singular."""
    kinds = {capability.kind, capability.kind.removesuffix("s"), "any"}
    if kind == "scheme":
        return name in capability.schemes
    if kind in {"connection_type", "connection-type"}:
        return capability.connection_type == name
    if kind.replace("-", "_") not in kinds:
        return False
    short = capability.id.partition(".")[2] or capability.id
    return name in {capability.id, short, capability.connection_type, *capability.schemes}
