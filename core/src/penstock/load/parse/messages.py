"""What the loader, its parse server and the children that import DAG files say to each other.

They speak `penstock.processes.frames`. The serial names the import of one file; what the payload is follows from the
kind, see `MessageKind`. Payloads are MessagePack (msgpack.org).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import IntEnum
from pathlib import Path

import msgspec

from penstock.model.dag import DagSpec
from penstock.model.source import ParsedFile
from penstock_manifest.format import Capability

UNANSWERED = "\0unanswered"
"""Stands for the text of a Variable whose source failed: no Variable has it, so the file is imported again once one is had."""


class MessageKind(IntEnum):
    """What a frame means. ``>`` goes towards the child, ``<`` towards the loader; the server relays."""

    CONFIG = 1  # > bounds, and what is installed: ParseConfig, once a connection, for the server
    PARSE = 2  # > import a file: ParseJob
    REPLY = 3  # > answer to ASK: penstock.spec.wire.Reply
    ASK = 4  # < a Variable is read: penstock.spec.wire.Ask
    OUTPUT = 5  # < what the file printed: Printed
    RESULT = 6  # < what the import gave, after OUTPUT: ParsedFile
    CANCEL = 7  # > end the import, whose result nobody wants any more
    BEGUN = 8  # < the child has its file, for the server alone


class ParseConfig(msgspec.Struct, frozen=True):
    """Bounds of an import, and what is installed.

    Attributes:
        providers: Ids of the installed providers.
        capabilities: Their operators, sensors and timetables.
        channels: Names of the alert channels of the settings.
        folder: The project's folder, in which its modules of plug-ins lie.
        memory_mb: Megabytes that the import of one file may take beyond what the server has.
        timeout_s: Seconds that the import of one file may take.
        output_bytes: How much of what a file prints is kept.
        processes: Files that are imported at once, beside those that hang; more jobs may be sent ahead.
    """

    providers: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    channels: tuple[str, ...] = ()
    folder: str = ""
    memory_mb: int = 1024
    timeout_s: float = 30.0
    output_bytes: int = 65536
    processes: int = 2


class Printed(msgspec.Struct, frozen=True):
    """What a file printed at its import.

    Attributes:
        text: As text, cut in the middle if it is long.
        size: How many bytes it was.
    """

    text: bytes
    size: int


class ParseJob(msgspec.Struct, frozen=True):
    """A DAG file to import.

    Attributes:
        folder: The source snapshot, a folder that is named by its hash.
        file: Path within it.
        at: The present.
        cursors: When the last run of each of its DAGs whose timetable is code fell due.
    """

    folder: str
    file: str
    at: datetime
    cursors: Mapping[str, datetime] = {}

    def parsed(
        self,
        *,
        dags: tuple[DagSpec, ...] = (),
        problems: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
        sources: Iterable[str] = (),
        variables: Mapping[str, str | None] | None = None,
        refresh_s: float | None = None,
        duration_s: float = 0.0,
    ) -> ParsedFile:
        """Build the parsed file; the content hashes of its sources are left to the loader, which has the snapshot."""
        return ParsedFile(
            file=self.file,
            snapshot=Path(self.folder).name,
            sources=dict.fromkeys(sorted({self.file, *sources}), ""),
            variables=dict(variables or {}),
            refresh_s=refresh_s,
            parsed_at=self.at,
            duration_s=duration_s,
            dags=dags,
            problems=problems,
            notes=notes,
        )
