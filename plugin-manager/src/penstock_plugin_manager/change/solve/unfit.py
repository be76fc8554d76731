"""Releases of providers that a solve goes without: those that a catalog has seen fail with the core, and those for another spec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from penstock_manifest.ranges import range_problem, serves
from penstock_manifest.specs import shown

from penstock_plugin_manager.change.inspection import inspect_wheel, spec_of_core
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.installed.environment import tags
from penstock_plugin_manager.model.intent import Intent
from penstock_plugin_manager.model.lock import File, Lock, Locked, chosen_file
from penstock_plugin_manager.model.names import CORE, ProviderRequirement
from penstock_plugin_manager.model.requirement import Distribution, allows, newer


class Unfit(NamedTuple):
    """A release that is not chosen while another one meets the request.

    Attributes:
        why: What speaks against it, as the end of a sentence about it.
    """

    provider: str
    distribution: str
    version: str
    why: str

    def stands_in(self, lock: Lock) -> bool:
        """Tell whether a lock holds it."""
        found = (each.version for each in lock.packages if each.name == self.distribution)
        return any(not allows(f"!={self.version}", version) for version in found)


class Judge:
    """Tells which releases of an intent's providers do not fit a core.

    Args:
        intent: What names the providers.
        lock: A lock with the core.
        session: The call.
        present: What stands in the environment; what is installed beside the very core stays, whatever is known of it.
    """

    def __init__(self, intent: Intent, lock: Lock, session: Session, present: Mapping[str, Distribution]) -> None:
        self._session = session
        target = lock.for_environment(session.markers)
        core = target.get(CORE)
        self.core = core.version if core else ""
        stays = CORE in present and present[CORE].version == self.core
        self._kept = {(name, dist.version) for name, dist in present.items()} if stays else set()
        # Who asks for a release by its number gets it, or hears why not.
        self._asked = {
            session.distribution_of(each.id): each for each in intent.providers if "==" not in each.specifier
        }
        self._served = spec_of_core(core, None if core is None or stays else self._file(core), session)

    def known(self) -> list[Unfit]:
        """Return what catalogs know, but for providers of which they know nothing else."""
        found: list[Unfit] = []
        for name, asked in self._asked.items():
            entry = self._session.catalog.get(asked.id)
            releases = entry.releases if entry else ()
            reasons = {each.version: self._reason(each.verdicts.get(self.core), each.spec) for each in releases}
            if all(reasons.values()):
                continue
            found += [
                Unfit(asked.id, name, version, why)
                for version, why in sorted(reasons.items())
                if why and (name, version) not in self._kept
            ]
        return found

    def chosen(self, lock: Lock) -> list[Unfit]:
        """Return what a lock has chosen and is for another spec, as the manifests in its wheels say."""
        target = lock.for_environment(self._session.markers) if self._served else {}
        found = []
        for name, asked in self._asked.items():
            package = target.get(name)
            if package is None or (name, package.version) in self._kept or package.directory:
                continue
            why = self._reason(None, self._spec(package, asked))
            found += [Unfit(asked.id, name, package.version, why)] if why else []
        return found

    def left_out(self, unfit: Iterable[Unfit], lock: Lock) -> list[str]:
        """Return a sentence for each release that a lock would have in place of an older one, did it fit."""
        target = {each.name: each.version for each in lock.packages}
        found = []
        for each in unfit:
            version = target.get(each.distribution, "")
            wanted = (
                version
                and newer(each.version, version)
                and allows(self._asked[each.distribution].specifier, each.version)
            )
            if wanted:
                found.append(f"{each.provider} {each.version} {each.why}; {self._instead(each.provider, version)}")
        return found

    def _reason(self, verdict: str | None, spec: str) -> str:
        if verdict == "fail":
            return f"is known to fail with core {self.core}"
        if self._served and spec and not range_problem(spec) and not serves(spec, self._served):
            return f"serves spec {spec}, and core {self.core} serves spec {shown(self._served)}"
        return ""

    def _instead(self, provider_id: str, version: str) -> str:
        entry = self._session.catalog.get(provider_id)
        release = entry.release(version) if entry else None
        passes = release is not None and release.verdicts.get(self.core) == "pass"
        return f"{version} passes" if passes else f"{version} is taken"

    def _spec(self, package: Locked, asked: ProviderRequirement) -> str:
        entry = self._session.catalog.get(asked.id)
        release = entry.release(package.version) if entry else None
        if release and release.spec:
            return release.spec
        file = self._file(package)
        try:
            wheel = inspect_wheel(file, self._session) if file else None
        except ManagerError:  # whoever installs it is told
            return ""
        manifests = [each.manifest for each in (wheel.providers if wheel else ()) if each.id == asked.id]
        return manifests[0].spec if manifests and manifests[0] else ""

    def _file(self, package: Locked) -> File | None:
        environment = self._session.environment
        try:
            return chosen_file(package, tags(environment), f"Python {environment.short_version} on this platform")
        except ManagerError:  # as above
            return None
