"""The host of plugins: which providers there are, what they offer, and their objects, imported on first use."""

from collections.abc import Iterable, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from penstock.errors import MissingProviderError, NotFoundError, PluginError, nearest
from penstock.model.connection import Connection
from penstock.plugins.discovery import Found, find_providers, locate_manifest
from penstock.plugins.fence import Provider, import_object
from penstock.plugins.kinds import kind_problem
from penstock.spec.manifest import Capability, ConnectionType, Manifest, read_manifest
from penstock.spec.object_store import ObjectStore


class PluginHost:
    """Answers questions about providers; reads a manifest when it is first needed and imports nothing until `resolve`.

    A host is a snapshot: what is installed later is seen by a new one.

    Args:
        found: What discovery found.
        disabled: Ids of providers that must not be used, whatever they offer; ``*`` stands for all.
    """

    def __init__(self, found: Iterable[Found], disabled: Iterable[str] = ()) -> None:
        self._disabled = frozenset(disabled)
        self._found: dict[str, list[Found]] = {}
        for each in found:
            self._found.setdefault(each.id, []).append(each)
        self._providers: dict[str, Provider] = {}
        self._objects: dict[str, Any] = {}

    @classmethod
    def discover(cls, path: Sequence[str] | None = None, disabled: Iterable[str] = ()) -> "PluginHost":
        """The host of the providers installed on the path, ``sys.path`` unless given."""
        return cls(find_providers(path), disabled)

    def ids(self) -> tuple[str, ...]:
        """Ids of all announced providers, broken ones included, sorted."""
        return tuple(sorted(self._found))

    def provider(self, provider_id: str) -> Provider:
        """A provider, active or broken; raises `penstock.errors.MissingProviderError` if none is announced."""
        if provider_id not in self._found:
            raise MissingProviderError(provider_id, "what was asked for")
        if provider_id not in self._providers:
            judged = _judge(self._found[provider_id])
            if self._disabled & {provider_id, "*"}:
                why = f"it is disabled. Enable it with: plugin-manager enable {provider_id}"
                judged = judged._replace(manifest=None, problems=(*judged.problems, why))
            self._providers[provider_id] = judged
        return self._providers[provider_id]

    def providers(self) -> tuple[Provider, ...]:
        """All announced providers, active and broken, sorted by id."""
        return tuple(self.provider(each) for each in self.ids())

    def capability(self, capability_id: str) -> Capability:
        """A capability by its id, such as ``aws.s3_copy``.

        Raises:
            penstock.errors.MissingProviderError: Its provider is not installed.
            penstock.errors.PluginError: Its provider is broken.
            penstock.errors.NotFoundError: The provider offers nothing of this id.
        """
        provider_id = capability_id.partition(".")[0]
        if provider_id not in self._found:
            raise MissingProviderError(provider_id, f"The capability {capability_id!r}", hint=self._near(capability_id))
        provider = self.provider(provider_id)
        if provider.manifest is None:
            raise PluginError(
                f"the capability {capability_id!r} cannot be used: the provider {provider_id!r} "
                f"({', '.join(provider.distributions)}) is broken: {'; '.join(provider.problems)}"
            )
        for capability in provider.manifest.capabilities:
            if capability.id == capability_id:
                return capability
        known = [each.id for each in provider.manifest.capabilities]
        raise NotFoundError(
            "capability", capability_id, known, hint=f"Installed is {', '.join(provider.distributions)}."
        )

    def resolve(self, capability_id: str, kind: str = "") -> Any:  # noqa: ANN401 - its class or function
        """The object of a capability, imported on first use and checked to be what its kind says.

        Args:
            capability_id: Such as ``aws.s3_copy``.
            kind: The kind it must be, such as ``operators``; any if "".

        Raises:
            penstock.errors.PluginError: It cannot be imported, or it is not of its kind.
            penstock.errors.PenstockError: As `capability` raises.
        """
        capability = self.capability(capability_id)
        if kind and capability.kind != kind:
            raise NotFoundError(
                kind.removesuffix("s").replace("_", " "), capability_id, hint=f"It is one of {capability.kind}."
            )
        if capability_id not in self._objects:
            target = import_object(capability.provider, capability.object, capability_id, capability.extra)
            problem = kind_problem(capability.kind, target)
            if problem:
                raise PluginError(f"{capability_id}: {capability.object} {problem}. Report it to the provider's author")
            self._objects[capability_id] = target
        return self._objects[capability_id]

    def object_store(self, url: str, conn_id: str | None = None) -> ObjectStore:
        """The store that serves a URL's scheme, opened with a connection.

        Raises:
            penstock.errors.MissingProviderError: No active provider serves the scheme.
            penstock.errors.PluginError: Several do, or the one that does is broken.
        """
        scheme = urlsplit(url).scheme
        if scheme == "file":
            from penstock.plugins.file_store import FileStore  # noqa: PLC0415 - few ask for it

            return FileStore(conn_id)
        stores = self._stores(scheme)
        if len(stores) > 1:
            raise PluginError(
                f"the URL scheme {scheme!r} is served by {' and '.join(each.id for each in stores)}; "
                "remove one of the two providers"
            )
        if not stores:
            hint = f"Find one with: plugin-manager search {scheme or url!r}"
            raise MissingProviderError("", f"The URL scheme {scheme!r}", hint=hint + self._broken_note())
        return cast("ObjectStore", self.resolve(stores[0].id, "object_stores")(conn_id))

    def connection_type(self, name: str) -> ConnectionType | None:
        """The connection type of an active provider, None if none has it."""
        found = [each for manifest in self._naming(name) for each in manifest.connections if each.type == name]
        return found[0] if found else None

    def secrets(self, connection: Connection) -> tuple[str, ...]:
        """Values that must not appear in a log: those that the provider marks, and those of the core's own rule."""
        kind = self.connection_type(connection.conn_type)
        return connection.secrets({field.name for field in kind.fields if field.secret} if kind else ())

    def _stores(self, scheme: str) -> list[Capability]:
        stores = [each for found in self._naming(scheme) for each in found.capabilities if each.kind == "object_stores"]
        return [each for each in stores if each.scheme == scheme]

    def _naming(self, name: str) -> list[Manifest]:
        """Manifests of active providers that may name something; one whose text does not is not parsed."""
        needle = name.encode()
        likely = [each for each in self.ids() if each in self._providers or needle in _raw(self._found[each])]
        return [found.manifest for found in map(self.provider, likely) if found.manifest]

    def _near(self, capability_id: str) -> str:
        known = [each.id for each in (c for p in self.providers() if p.manifest for c in p.manifest.capabilities)]
        near = nearest(capability_id, known, limit=3)
        return f"Nearest of those installed: {', '.join(near)}." if near else ""

    def _broken_note(self) -> str:
        broken = [each.id for each in self.providers() if not each.active]
        return f". Broken here, and so not asked: {', '.join(broken)} (see: penstock providers)" if broken else ""


def _raw(found: Sequence[Found]) -> bytes:
    """The manifest's bytes, b"" if it cannot be read."""
    try:
        return locate_manifest(found[0]).read_bytes()
    except (ValueError, OSError):
        return b""


def _judge(found: Sequence[Found]) -> Provider:
    """What is known of one id from its entry points; every failure becomes a problem of this provider."""
    provider_id = found[0].id
    distributions = tuple(f"{each.distribution} {each.version}".strip() for each in found)
    if len(found) > 1:
        problem = f"its id is announced by {' and '.join(distributions)}; none is active until only one is installed"
        return Provider(provider_id, distributions, None, (problem,))
    try:
        text = locate_manifest(found[0]).read_bytes()
    except (ValueError, OSError) as error:
        return Provider(provider_id, distributions, None, (str(error),))
    reading = read_manifest(text, provider_id)
    return Provider(provider_id, distributions, reading.manifest, reading.problems, reading.notes)
