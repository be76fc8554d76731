"""From evidence to needs, by what manifests and catalogs say; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from penstock_manifest.format import Manifest

from penstock_plugin_manager.model.names import is_id
from penstock_plugin_manager.model.offers import Offer, offers_of
from penstock_plugin_manager.need.evidence import Evidence

_OURS = frozenset({"penstock_plugin_manager", "penstock_testkit"})


class Location(NamedTuple):
    """Where something was found, and what it is."""

    file: str
    line: int
    what: str
    optional: bool = False


class Need(NamedTuple):
    """A provider that files need.

    Attributes:
        optional: Whether every place is prepared for its absence.
        known: Whether a manifest or catalog vouches for it; otherwise only its name does.
    """

    id: str
    extras: tuple[str, ...]
    locations: tuple[Location, ...]
    optional: bool
    known: bool


class ScanResult(NamedTuple):
    """All that a scan found."""

    needs: tuple[Need, ...]
    unclear: tuple[Location, ...]
    unreadable: tuple[Location, ...]


class _Owner(NamedTuple):
    provider: str
    extra: str = ""
    known: bool = True


class _Claim(NamedTuple):
    owner: _Owner
    place: Location


class CapabilityOwners:
    """Who owns which import, capability and URL scheme, by the known manifests."""

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        self._imports: dict[str, str] = {}
        self._capabilities: dict[str, tuple[str, Offer]] = {}
        self._objects: dict[str, tuple[str, Offer]] = {}
        self._schemes: dict[str, set[str]] = {}
        self._ids: set[str] = set()
        self._owners: dict[tuple[str, str], list[_Owner]] = {}  # thousands of files say the same few things
        for manifest in manifests:
            self._add(manifest)

    def _add(self, manifest: Manifest) -> None:
        self._ids.add(manifest.id)
        for name in manifest.imports:
            self._imports.setdefault(name, manifest.id)
        for capability in offers_of(manifest):
            for scheme in capability.schemes:
                self._schemes.setdefault(scheme, set()).add(manifest.id)
            if capability.object:
                self._capabilities.setdefault(capability.id, (manifest.id, capability))
                self._objects.setdefault(capability.object, (manifest.id, capability))

    def claims(self, file: str, evidence: Evidence) -> list[_Claim]:
        """Return the needs that one piece of evidence proves; several for an import that needs several extras."""
        key = (evidence.kind, evidence.value)
        owners = self._owners.get(key)
        if owners is None:
            owners = self._owners[key] = self._who_owns(*key)
        if not owners:
            return []
        place = Location(file, evidence.line, _what(evidence), evidence.optional)
        return [_Claim(owner, place) for owner in owners]

    def shared_scheme(self, evidence: Evidence) -> list[str]:
        """Return the providers among which a URL's scheme cannot decide, or nothing."""
        owners = self._schemes.get(evidence.value, set()) if evidence.kind == "url" else set()
        return sorted(owners) if len(owners) > 1 else []

    def _who_owns(self, kind: str, value: str) -> list[_Owner]:
        if kind == "import":
            return self._import(value)
        if kind in {"id", "operator"}:
            owner = self._capabilities.get(value)
            if owner:
                return [_Owner(owner[0], owner[1].extra)]
            return self._unknown_operator(value) if kind == "operator" else []
        owners = self._schemes.get(value, set()) if kind == "url" else set()
        return [_Owner(owner) for owner in owners] if len(owners) == 1 else []

    def _import(self, value: str) -> list[_Owner]:
        module, _, name = value.partition(":")
        top = module.split(".")[0]
        owner = self._imports.get(top)
        if owner is None:
            guess = top.removeprefix("penstock_")
            named = top.startswith("penstock_") and top not in _OURS and is_id(guess)
            return [_Owner(guess, known=guess in self._ids)] if named else []
        extras = {
            capability.extra
            for target, (_, capability) in self._objects.items()
            if capability.extra and _imports(target, module, name)
        }
        return [_Owner(owner, extra) for extra in sorted(extras)] or [_Owner(owner)]

    def _unknown_operator(self, value: str) -> list[_Owner]:
        provider = value.partition(".")[0]
        return [_Owner(provider, known=provider in self._ids)] if is_id(provider) else []


def match(evidence: Mapping[str, Iterable[Evidence]], index: CapabilityOwners) -> ScanResult:
    """Return the needs that the evidence of all files proves, and what it leaves open."""
    claims: list[_Claim] = []
    unclear: list[Location] = []
    unreadable: list[Location] = []
    for file, items in sorted(evidence.items()):
        for item in items:
            if item.kind == "dynamic":
                unclear.append(Location(file, item.line, item.value))
            elif item.kind == "unreadable":
                unreadable.append(Location(file, item.line, item.value))
            elif rivals := index.shared_scheme(item):
                message = f"{item.value}:// is served by {' and '.join(rivals)}"
                unclear.append(Location(file, item.line, message))
            else:
                claims += index.claims(file, item)
    return ScanResult(tuple(_needs(claims)), tuple(unclear), tuple(unreadable))


def _needs(claims: list[_Claim]) -> list[Need]:
    by_id: dict[str, list[_Claim]] = {}
    for claim in claims:
        by_id.setdefault(claim.owner.provider, []).append(claim)
    needs = []
    for provider in sorted(by_id):
        mine = by_id[provider]
        locations = tuple(dict.fromkeys(claim.place for claim in mine))
        extras = tuple(sorted({claim.owner.extra for claim in mine if claim.owner.extra}))
        optional = all(place.optional for place in locations)
        needs.append(Need(provider, extras, locations, optional, any(claim.owner.known for claim in mine)))
    return needs


def _what(evidence: Evidence) -> str:
    if evidence.kind == "import":
        module, colon, name = evidence.value.partition(":")
        return f"from {module} import {name}" if colon else f"import {module}"
    if evidence.kind == "operator":
        return f'operator("{evidence.value}")'
    return f"{evidence.value}://" if evidence.kind == "url" else f'"{evidence.value}"'


def _imports(target: str, module: str, name: str) -> bool:
    """Tell whether an import may bring an object: by its module, or by its name from a package above it."""
    place, _, attribute = target.partition(":")
    if place == module:
        return name in {"", attribute, "*"}
    return name == attribute and place.startswith(f"{module}.")
