"""What a manifest offers, as one list that can be searched and shown: capabilities and connection types alike."""

from __future__ import annotations

from typing import NamedTuple

from penstock_manifest.format import Field, Manifest, Parameter
from penstock_manifest.kinds import CONNECTIONS


class Offer(NamedTuple):
    """One thing that a provider offers.

    Attributes:
        kind: The array of the manifest that holds it, such as ``operators``.
        id: Its id; the type of a connection type.
        object: What is imported on first use; empty for a connection type.
        parameters: Its parameters, or a connection type's fields.
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


def offers_of(manifest: Manifest) -> list[Offer]:
    """Return all that a manifest offers: its capabilities in their order, then its connection types."""
    found = [
        Offer(
            each.kind, each.id, each.doc, each.object, each.extra, each.connection_type,
            (each.scheme,) if each.scheme else (), each.parameters, each.state, each.replacement,
        )
        for each in manifest.capabilities
    ]  # fmt: skip
    found += [
        Offer(CONNECTIONS.name, each.type, each.doc, connection_type=each.type, schemes=each.schemes, parameters=each.fields)
        for each in manifest.connections
    ]  # fmt: skip
    return found
