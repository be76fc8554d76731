"""What a local executor needs to know of the settings."""

from typing import Protocol

from penstock.model.dag import Isolation

PREFETCH: dict[Isolation, int] = {"fork": 4, "reuse": 32}
"""Tries that may wait at a file server for each that it runs: what hides the scheduler's own turn-around."""


class LocalSettings(Protocol):
    """What a local executor is set to; `penstock.settings.executor.ExecutorSettings` says what each means."""

    @property
    def parallelism(self) -> int:
        """Tries that run at once."""

    @property
    def isolation(self) -> Isolation:
        """How they are kept apart."""

    @property
    def spawn_servers(self) -> int:
        """File servers that are kept warm."""

    @property
    def import_timeout_s(self) -> float:
        """Seconds that the import of a file may take."""

    @property
    def stop_grace_s(self) -> float:
        """Seconds that a try gets to clean up when it is ended."""


def capacity_of(settings: LocalSettings) -> int:
    """Tries that a local executor holds at once: those that run and those that follow them."""
    return settings.parallelism * (1 + PREFETCH[settings.isolation])
