"""The request to a resolver: requirements, versions to keep, and the indexes to fetch from."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from penstock_plugin_manager.installed.environment import Environment
from penstock_plugin_manager.model.lock import Lock, Locked


class Sources(NamedTuple):
    """Where distributions come from; empty fields leave it to the tool's own configuration."""

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    offline: bool = False

    def options(self) -> list[str]:
        """Return the options that uv and pip share."""
        found = []
        if self.index_url and not self.no_index:
            found += ["--index-url", self.index_url]
        if not self.no_index:
            for url in self.extra_index_urls:
                found += ["--extra-index-url", url]
        for place in self.find_links:
            found += ["--find-links", place]
        return [*found, "--no-index"] if self.no_index else found


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
        return [] if "*" in self.upgrade else [pair for pair in self.preferred if pair[0] not in self.upgrade]


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

    def indexes(self, sources: Sources) -> list[str]:
        """Return the package indexes that the tool would ask, its own configuration included."""

    def create(self, root: str, base: str) -> None:
        """Make an empty environment with the given interpreter."""
