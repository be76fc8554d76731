"""What the loader needs of the store: which files it knows, where imports are kept, and news of changed Variables.

The rooms ``load`` and ``store`` do not know each other; the composition root hands the loader an object of this shape.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from penstock.model.source import ParsedFile


class LoaderStore(Protocol):
    """The loader's view of the store; every method may raise `penstock.errors.StoreError`."""

    def files(self) -> dict[str, ParsedFile]:
        """Every file that is known, by its path; with the ids of its DAGs in place of the DAGs themselves."""

    def save(self, *parsed: ParsedFile) -> None:
        """Keep the results of some imports, in one transaction.

        A file without problems: each DAG becomes the current version of its id, with ``snapshot`` and ``variables``
        (a run is pinned to all three) and with its planned runs, is owned by this file from now on, and comes back if it
        was retired; DAGs that the file owned and no longer defines are retired. A file with problems: its record (sources, variables,
        refresh, problems) is replaced and every DAG it owns stays as it was.
        """

    def adopt(self, snapshots: Mapping[str, str]) -> None:
        """Let new runs of files' DAGs use other snapshots, by file: what the import read is as it was, what runs may read is not."""

    def retire(self, file: str) -> None:
        """Forget a file that is gone and retire the DAGs it owns: no new runs, and live ones go on."""

    def cursors(self) -> Mapping[str, Mapping[str, datetime]]:
        """By file, when the last run of each of its DAGs whose timetable is code fell due."""

    def snapshots(self) -> set[str]:
        """Hashes of the snapshots of all versions that are stored: those of the DAGs, and of the runs that are kept."""

    def variables(self, keys: Collection[str]) -> Mapping[str, str | None]:
        """The present text of these Variables, decrypted; None for those that do not exist.

        Raises:
            ConfigError: A source of Variables failed.
            StoreError: The database failed.
        """

    def fileno(self) -> int:
        """A descriptor that is readable when some Variable may have changed, in whichever process that was done."""

    @property
    def cut(self) -> bool:
        """Whether `fileno` hears nothing any more before `drain` is called, as when its pipe was deleted."""

    def drain(self) -> None:
        """Make `fileno` quiet until the next change, and hear again if it was cut; never blocks."""
