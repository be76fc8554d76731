"""One trial: a provider with one core, in an environment that is made for it and taken away again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from penstock_plugin_manager.catalog.verdicts import FAIL, PASS, SuiteRun, Verdict
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.conformance.subject import Subject
from penstock_plugin_manager.conformance.suites import Place, has_suite, own_tests, provider_suite
from penstock_plugin_manager.errors import IncompatibleError, MissingError
from penstock_plugin_manager.installed.environment import Environment, markers, open_environment
from penstock_plugin_manager.model.lock import Lock
from penstock_plugin_manager.model.names import CORE
from penstock_plugin_manager.resolve.request import Request, Resolver


class Trial(NamedTuple):
    """How providers are tried.

    Attributes:
        base: The interpreter from which environments are made.
        seconds: How long each suite may take.
        with_own: Whether the provider's own tests are run, too.
    """

    resolver: Resolver
    session: Session
    base: str
    seconds: float
    with_own: bool

    def run(self, subject: Subject, core: str, folder: Path) -> Iterator[Verdict]:
        """Try a wheel with one core, and say of each of its providers whether it passes.

        Args:
            subject: What is tried.
            core: The core's version; "" for the newest that fits.
            folder: An empty folder.

        Raises:
            IncompatibleError: the two cannot be installed together.
            MissingError: a source lacks something, or the core has no suite.
            ManagerError: a source does not answer, or the disk is full; that is no verdict.
        """
        root = folder / "environment"
        self.resolver.create(str(root), self.base)
        made = open_environment(str(root))
        roots = (subject.requirement, f"{CORE}=={core}" if core else CORE, "pytest")
        lock = self._install(made, Request(roots, python=f">={made.short_version}"))
        version = next(each.version for each in lock.packages if each.name == CORE)
        place = Place(made.python, folder, self.seconds)
        if not has_suite(place):
            raise MissingError(f"Core {version} has no provider suite.", "Name a later core with --core.")
        suites = {each.id: provider_suite(each.id, place) for each in subject.wheel.providers}
        own = self._own_tests(subject, made, lock, place)
        now = dt.datetime.now(dt.UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
        for provider_id, suite in suites.items():
            runs = (suite, *([own] if own else []))
            good = suite.passed and not any(each.failed or each.problems for each in runs)
            yield Verdict(
                provider_id, subject.wheel.version, version, made.version, PASS if good else FAIL, now,
                subject.wheel.sha256, runs,
            )  # fmt: skip

    def _own_tests(self, subject: Subject, made: Environment, lock: Lock, place: Place) -> SuiteRun | None:
        """Run the provider's own tests after the suite, which must not see what only they need."""
        if not self.with_own or subject.tests is None:
            return None
        core = next(each for each in lock.packages if each.name == CORE)
        roots = (subject.requirement, f"{CORE}=={core.version}", "pytest", *subject.test_requires)
        kept = tuple((each.name, each.version) for each in lock.packages)
        try:
            self._install(made, Request(roots, preferred=kept, python=f">={made.short_version}"))
        except (
            IncompatibleError,
            MissingError,
        ) as error:  # a full disk or a silent source says nothing of the provider
            return SuiteRun("own tests", problems=(f"what they need cannot be installed: {error}",))
        return own_tests(subject, place)

    def _install(self, made: Environment, request: Request) -> Lock:
        lock = self.resolver.solve(request, made, self.session.sources)
        packages = list(lock.for_environment(markers(made)).values())
        self.resolver.install(packages, made, self.session.sources)
        return lock
