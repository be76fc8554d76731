"""``[loader]``: the import of DAG files."""

from typing import Annotated

import msgspec

from penstock.settings.numbers import Seconds


class LoaderSettings(msgspec.Struct, frozen=True):
    """``[loader]``: the import of DAG files, each in a child process of its own.

    Attributes:
        processes: Files that are imported at once; 0 for the number of CPUs.
        timeout_s: Seconds that the import of one file, or of one module of `[plugins]`, may take.
        memory_mb: Megabytes of memory that the import of one file, or of one module of `[plugins]`, may take; and the process of a
            listener, of an alert channel or of a secrets backend.
    """

    processes: Annotated[int, msgspec.Meta(ge=0)] = 0
    timeout_s: Seconds = 30.0
    memory_mb: Annotated[int, msgspec.Meta(ge=64)] = 1024
