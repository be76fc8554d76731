"""The host of plugins: which providers there are, what they offer, and their objects, imported on first use."""

import sys
import warnings
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import urlsplit

from penstock.errors import MissingProviderError, NotFoundError, PenstockError, PluginError, as_sentence, nearest
from penstock.model.connection import Connection
from penstock.model.names import error_sentence
from penstock.plugins.fence import import_object
from penstock.plugins.kinds import kind_problem
from penstock.plugins.registry import ManifestPlugin
from penstock.spec.log_store import LogStore
from penstock.spec.object_store import ObjectStore
from penstock.spec.plugin import SERVED_SPECS, SpecDeprecationWarning, specs_manager
from penstock_manifest.discovery import ProviderEntryPoint, find_providers, read_manifest_file
from penstock_manifest.environments import SearchPath
from penstock_manifest.format import Capability, ConnectionType
from penstock_manifest.kinds import CONNECTIONS, KINDS, Kind
from penstock_manifest.providers import Provider, grouped, read_provider


class PluginHost:
    """Answers questions about providers by calling the pluggy specs; imports nothing until `resolve`.

    Each provider is registered as a plugin that answers from its manifest, which is read when it is first needed. A host is
    a snapshot: what is installed later is seen by a new one.

    Args:
        found: What discovery found.
        disabled: Ids of providers that must not be used, whatever they offer; ``*`` stands for all.
        modules: Modules of the project, as providers.
        folder: Folder in which the modules lie; it is put on ``sys.path`` when an object of one is imported.
    """

    def __init__(
        self,
        found: Iterable[ProviderEntryPoint],
        disabled: Iterable[str] = (),
        *,
        modules: Iterable[Provider] = (),
        folder: str = "",
    ) -> None:
        self._disabled, self._folder = frozenset(disabled), folder
        self._found = grouped(found)
        self._modules = {each.id: each for each in modules}
        self._providers: dict[str, Provider] = {}
        self._texts: dict[str, bytes] = {}
        self._objects: dict[str, Any] = {}
        self._manager = specs_manager()
        with warnings.catch_warnings():
            # Such a plugin implements the specs of all kinds; of what a manifest uses, its notes tell.
            warnings.simplefilter("ignore", SpecDeprecationWarning)
            for provider_id in reversed(self.ids()):  # pluggy calls the last registered first
                self._manager.register(self._plugin(provider_id), name=provider_id)

    @classmethod
    def discover(
        cls, where: SearchPath | None = None, disabled: Iterable[str] = (), *, cache: str | None = None
    ) -> "PluginHost":
        """Make the host of the installed providers; arguments as for `find_providers`."""
        return cls(find_providers(where, cache=cache), disabled)

    def ids(self) -> tuple[str, ...]:
        """Ids of all providers, broken ones and modules of the project included, sorted."""
        return tuple(sorted({*self._found, *self._modules}))

    def provider(self, provider_id: str) -> Provider:
        """Return a provider, active or broken.

        Raises:
            penstock.errors.MissingProviderError: None of this id is announced.
        """
        if provider_id not in self._providers:
            if provider_id not in self.ids():
                raise MissingProviderError(provider_id, "what was asked for")
            self._providers[provider_id] = self._judged(provider_id)
        return self._providers[provider_id]

    def providers(self) -> tuple[Provider, ...]:
        """All providers, active and broken, sorted by id."""
        return tuple(self.provider(each) for each in self.ids())

    def capabilities(self, *kinds: str, mention: str = "") -> list[Capability]:
        """Ask the specs of some kinds what active providers offer.

        Args:
            kinds: Such as ``operators``; all unless given.
            mention: A text that stands in what is looked for; manifests without it are not read.
        """
        return [each for kind in kinds or KINDS for each in self._ask(KINDS[kind], mention)]

    def capability(self, capability_id: str) -> Capability:
        """Find a capability by its id, such as ``aws.s3_copy``.

        Raises:
            penstock.errors.MissingProviderError: Its provider is not installed.
            penstock.errors.PluginError: Its provider is broken.
            penstock.errors.NotFoundError: The provider offers nothing of this id.
        """
        provider_id = capability_id.partition(".")[0]
        if provider_id not in self.ids():
            raise MissingProviderError(provider_id, f"The capability {capability_id!r}", hint=self._near(capability_id))
        provider = self.provider(provider_id)
        if provider.manifest is None:
            raise PluginError(
                f"the capability {capability_id!r} cannot be used: the provider {provider_id!r} "
                f"({', '.join(provider.distributions)}) is broken: {'; '.join(provider.problems)}"
            )
        offered = self.capabilities(mention=provider_id)
        for capability in offered:
            if capability.id == capability_id:
                return capability
        known = [each.id for each in offered if each.provider == provider_id]
        raise NotFoundError(
            "capability", capability_id, known, hint=f"Installed is {', '.join(provider.distributions)}."
        )

    def resolve(self, capability_id: str, kind: str = "") -> Any:  # noqa: ANN401 - its class or function
        """Import the object of a capability on first use, and check that it is what its kind says.

        Args:
            capability_id: Such as ``aws.s3_copy``.
            kind: The kind it must be, such as ``operators``; any if "".

        Raises:
            penstock.errors.NotFoundError: It is of another kind.
            penstock.errors.PluginError: It cannot be imported, or it is not of its kind.
            penstock.errors.PenstockError: As `capability` raises.
        """
        capability = self.capability(capability_id)
        if kind and capability.kind != kind:
            raise NotFoundError(
                kind.removesuffix("s").replace("_", " "), capability_id, hint=f"It is one of {capability.kind}."
            )
        if capability_id not in self._objects:
            of_project = capability.provider in self._modules
            if of_project and self._folder not in sys.path:
                sys.path.append(self._folder)
            target = import_object(
                capability.provider, capability.object, capability_id, capability.extra, of_project=of_project,
                elsewhere=any(each.where for each in self._found.get(capability.provider, ())),
            )  # fmt: skip
            problem = kind_problem(capability.kind, target)
            if problem:
                remedy = "Correct the module" if of_project else "Report it to the provider's author"
                raise PluginError(f"{capability_id}: {capability.object} {as_sentence(problem)} {remedy}")
            self._objects[capability_id] = target
        return self._objects[capability_id]

    def object_store(self, url: str, conn_id: str | None = None) -> ObjectStore:
        """Open the store that serves a URL's scheme, with a connection.

        Raises:
            penstock.errors.MissingProviderError: No active provider serves the scheme.
            penstock.errors.PluginError: Several do, or the one that does is broken.
        """
        scheme = urlsplit(url).scheme
        if scheme == "file":
            from penstock.plugins.file_store import FileStore  # noqa: PLC0415 - few ask for it

            return FileStore(conn_id)
        found = self._of_scheme("object_stores", scheme)
        if found is None:
            hint = f"Find one with: plugin-manager search {scheme or url!r}"
            raise MissingProviderError("", f"The URL scheme {scheme!r}", hint=hint + self._broken_note())
        return cast("ObjectStore", self.resolve(found.id, "object_stores")(conn_id))

    def log_store(self, url: str, conn_id: str | None = None) -> LogStore:
        """Open the log store of a URL: that of a provider that has one for the scheme, else over the object store of the scheme.

        Raises:
            penstock.errors.MissingProviderError: No active provider serves the scheme.
            penstock.errors.PluginError: Several do, or the one that does is broken.
        """
        found = self._of_scheme("log_stores", urlsplit(url).scheme)
        if found is not None:
            try:
                return cast("LogStore", self.resolve(found.id, "log_stores")(url, conn_id))
            except PenstockError:
                raise
            except Exception as error:  # a provider's code: what it raises must say whose it is
                raise PluginError(f"{found.id} cannot be opened: {error_sentence(error)}") from error
        from penstock.plugins.object_logs import ObjectLogs  # noqa: PLC0415 - few ask for it

        return ObjectLogs(url, self.object_store(url, conn_id))

    def _of_scheme(self, kind: str, scheme: str) -> Capability | None:
        stores = [each for each in self.capabilities(kind, mention=scheme) if each.scheme == scheme]
        if len(stores) > 1:
            raise PluginError(
                f"the URL scheme {scheme!r} is served by {' and '.join(each.id for each in stores)}; "
                "remove one of the two providers"
            )
        return stores[0] if stores else None

    def connection_type(self, name: str) -> ConnectionType | None:
        """Find the connection type of an active provider; None if none has it."""
        found: list[ConnectionType] = [each for each in self._ask(CONNECTIONS, name) if each.type == name]
        return found[0] if found else None

    def secrets(self, connection: Connection) -> tuple[str, ...]:
        """Return values that must not appear in a log: those that the provider marks, and those of the core's own rule."""
        kind = self.connection_type(connection.conn_type)
        return connection.secrets({field.name for field in kind.fields if field.secret} if kind else ())

    def _ask(self, kind: Kind, mention: str) -> list[Any]:
        return [each for answer in getattr(self._manager.hook, kind.spec)(mention=mention) for each in answer]

    def _plugin(self, provider_id: str) -> ManifestPlugin:
        def may_mention(text: str) -> bool:
            # What was read answers at once; else a manifest whose text does not hold it need not be parsed.
            return provider_id in self._providers or provider_id in self._modules or self._holds(provider_id, text)

        return ManifestPlugin(lambda: self.provider(provider_id), may_mention)

    def _holds(self, provider_id: str, text: str) -> bool:
        if provider_id not in self._texts:
            try:
                _, self._texts[provider_id] = read_manifest_file(self._found[provider_id][0])
            except ValueError:
                self._texts[provider_id] = b""
        content = self._texts[provider_id]
        return text.encode() in content or b"\\" in content  # TOML may write any letter as an escape

    def _judged(self, provider_id: str) -> Provider:
        entries, module = self._found.get(provider_id), self._modules.get(provider_id)
        judged = read_provider(entries, served=SERVED_SPECS) if entries else module
        assert judged is not None  # noqa: S101 - an id is one of either
        if entries and module is not None:
            names = (*judged.distributions, *module.distributions)
            why = f"its id is announced by {' and '.join(names)}; none is active until only one has it"
            judged = judged._replace(distributions=names, manifest=None, problems=(why,))
        if self._disabled & {provider_id, "*"}:
            why = f"it is disabled. Enable it with: plugin-manager enable {provider_id}, or unset PENSTOCK_DISABLED_PROVIDERS"
            if "*" in self._disabled:
                why = "it is disabled with all others, by PENSTOCK_SAFE_MODE. Unset that"
            judged = judged._replace(manifest=None, problems=(*judged.problems, why))
        return judged

    def _near(self, capability_id: str) -> str:
        known = [each.id for each in self.capabilities()]
        near = nearest(capability_id, known, limit=3)
        return f"Nearest of those installed: {', '.join(near)}." if near else ""

    def _broken_note(self) -> str:
        broken = [each.id for each in self.providers() if not each.active]
        return f". Broken here, and so not asked: {', '.join(broken)} (see: penstock providers)" if broken else ""
