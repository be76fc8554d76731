"""The request to a resolver, and what a resolver is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from penstock_plugin_manager.index.sources import Sources
from penstock_plugin_manager.installed.environment import Environment
from penstock_plugin_manager.model.lock import Lock, Locked


class Request(NamedTuple):
    """One resolution.

    Attributes:
        roots: Requirements that must be met.
        constraints: Requirements that count only for what comes along anyway.
        preferred: Versions to keep where nothing speaks against them, by name.
        upgrade: Names whose preference is dropped; ``*`` drops all.
        newest_before: Instant (RFC 3339) after which uploads do not exist, or an empty string.
    """

    roots: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    preferred: tuple[tuple[str, str], ...] = ()
    upgrade: tuple[str, ...] = ()
    python: str = ">=3.11"
    newest_before: str = ""
    allow_prerelease: bool = False

    def kept(self) -> list[tuple[str, str]]:
        """Return the preferences that still count."""
        if "*" in self.upgrade:
            return []
        # a package that is a folder may stand in a lock without a version
        return [(name, version) for name, version in self.preferred if version and name not in self.upgrade]


class Resolver(Protocol):
    """The adapter to a tool that resolves and installs.

    Every method raises ``IncompatibleError`` for requirements that cannot be met together, ``MissingError`` for a distribution that no
    source has, ``UnverifiedError`` for a wrong hash, and ``ManagerError`` for a source that does not answer.
    """

    name: str
    universal: bool

    def solve(self, request: Request, environment: Environment, sources: Sources) -> Lock:
        """Find exact distributions for a request."""

    def install(
        self, packages: list[Locked], environment: Environment, sources: Sources, *, again: bool = False
    ) -> None:
        """Install exactly these distributions, replacing other versions, and none besides.

        No file of them is shared with the tool's cache or with another environment.

        Args:
            packages: The distributions.
            environment: Where they shall stand.
            sources: Where files may come from.
            again: Whether what stands already is replaced, and taken from its source and not from the tool's cache.
        """

    def uninstall(self, names: list[str], environment: Environment) -> None:
        """Take distributions out."""

    def build(self, source: Path, folder: Path, *, base: str, sources: Sources) -> None:
        """Build the wheel of a source folder into another folder, by what its ``[build-system]`` names.

        Args:
            source: The source folder.
            folder: Where the wheel goes.
            base: The interpreter to build with.
            sources: Where the build's own requirements come from.
        """

    def default_index(self) -> str:
        """Return the package index that the tool asks where nobody names one."""

    def create(self, root: str, base: str, *, again: bool = False) -> None:
        """Make an empty environment with the given interpreter, or give one that is there another interpreter."""
