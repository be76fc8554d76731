"""What the loader, its parse server and the children that import DAG files say to each other.

They speak `penstock.processes.frames`. The serial names the import of one file; what the payload is follows from the
kind, see `Kind`. Payloads are MessagePack (msgpack.org).
"""

from enum import IntEnum

import msgspec

from penstock.model.dag import DagSpec
from penstock.spec.manifest import Capability


class Kind(IntEnum):
    """What a frame means. ``>`` goes towards the child, ``<`` towards the loader; the server relays."""

    SETUP = 1  # > bounds, and what is installed: Setup, once a connection, for the server
    PARSE = 2  # > import a file: Job
    VALUE = 3  # > what you asked for: the text of a Variable, or None
    ASK = 4  # < a Variable is read: its key
    OUTPUT = 5  # < what the file printed, as text, cut in the middle if it is long
    RESULT = 6  # < what the import gave, after OUTPUT: Result


class Setup(msgspec.Struct, frozen=True):
    """Bounds of an import, and what is installed.

    Attributes:
        providers: Ids of the installed providers.
        capabilities: Their operators and sensors.
        memory_mb: Megabytes that the import of one file may take beyond what the server has.
        timeout_s: Seconds that the import of one file may take.
        output_bytes: How much of what a file prints is kept.
        processes: Files that are imported at once; more jobs may be sent ahead.
    """

    providers: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    memory_mb: int = 1024
    timeout_s: float = 30.0
    output_bytes: int = 65536
    processes: int = 2


class Job(msgspec.Struct, frozen=True):
    """A file of a folder, to be imported."""

    folder: str
    file: str


class Result(msgspec.Struct, frozen=True):
    """What the import of a file gave.

    Attributes:
        sources: Files of the folder that were read, and folders (with ``/`` at the end) that were listed.
        variables: Variables that were read, with their values.
        duration_s: Wall time in seconds.
        output: What the file printed, cut in the middle if it is long; it comes in a frame of its own.
    """

    dags: tuple[DagSpec, ...] = ()
    problems: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    variables: dict[str, str | None] = {}
    refresh_s: float | None = None
    duration_s: float = 0.0
    output: str = ""
