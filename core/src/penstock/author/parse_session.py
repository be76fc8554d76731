"""Where authoring objects report to while a DAG file is imported: the DAGs it makes and every problem found on the way.

Constructors do not raise: they note what is wrong, with the author's line, and go on, so that one import shows all
problems of a file. Without a session (a test, a REPL) a DAG keeps its own notes, and raises them when its ``with``
block ends.
"""

import sys
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from penstock.errors import AuthoringError
from penstock_manifest.format import Capability

if TYPE_CHECKING:
    from datetime import timedelta

    from penstock.author.assets.asset import Asset
    from penstock.author.dag import DAG

_HOME = str(Path(__file__).parent.parent) + "/"


class Site(NamedTuple):
    """A line of an author's file."""

    file: str
    line: int


class Problem(NamedTuple):
    """What is wrong on a line of an author's file, as one sentence that says what to write.

    Attributes:
        is_note: Whether the file counts all the same: the author should know, and need not act.
    """

    site: Site
    text: str
    is_note: bool = False

    def __str__(self) -> str:
        """Write ``file:line: text``."""
        return f"{self.site.file}:{self.site.line}: {self.text}"


class Capabilities(Protocol):
    """What a DAG file may name of what is installed."""

    def __call__(self, capability_id: str) -> Capability:
        """Find a capability.

        Raises:
            MissingProviderError: Its provider is not installed.
            NotFoundError: The provider has no such capability.
        """

    def load(self, capability: Capability) -> Any:  # noqa: ANN401 - any object
        """Import the object of one; raises PluginError if it cannot be."""


class ParseSession:
    """One import of a DAG file.

    Args:
        file: The DAG file; lines in it and DAGs made by it are distinguished from those of other files by this path.
        folder: The DAGs folder; sites are named relative to it.
        capabilities: What is installed. None checks nothing.

    Attributes:
        dags: DAGs in the order in which they were made.
        problems: What is wrong, and what is only worth a note, in the order in which it was found.
        assets: Assets that were made, by name.
        refresh_s: Seconds after which the file wants to be imported again; None for never.
    """

    def __init__(self, file: str = "", folder: str = "", *, capabilities: Capabilities | None = None) -> None:
        self.file, self.folder, self.capabilities = file, folder.rstrip("/"), capabilities
        self.dags: list[DAG] = []
        self.problems: list[Problem] = []
        self.refresh_s: float | None = None
        self.assets: dict[str, Asset] = {}

    def display_path(self, file: str) -> str:
        """Name a file as people know it: relative to the DAGs folder if it lies there."""
        return file.removeprefix(self.folder + "/") if self.folder else file

    def owns(self, frame: FrameType | None) -> bool:
        """True if the code that runs belongs to the import of this session's file, not of one that it imports.

        A DAG file may import another one for a function or a constant; the DAGs made on the way are not its own.
        """
        while frame is not None:
            code = frame.f_code
            if code.co_name == "<module>" and not code.co_filename.startswith(("<", _HOME)):
                return not self.file or code.co_filename == self.file
            frame = frame.f_back
        return True


current_session: ContextVar[ParseSession | None] = ContextVar("penstock_parse_session", default=None)


def call_site() -> Site:
    """Find the innermost line of the call that is not Penstock's own."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - `inspect` wraps the same call and costs 10 ms to import
    while frame is not None and frame.f_code.co_filename.startswith(_HOME):
        frame = frame.f_back
    if frame is None:
        return Site("<unknown>", 0)
    session = current_session.get()
    file = frame.f_code.co_filename
    return Site(session.display_path(file) if session else file, frame.f_lineno)


def report(dag: "DAG | None", site: Site, text: str, *, is_note: bool = False) -> None:
    """Report a problem, or a note, to the DAG or the session.

    Raises:
        AuthoringError: There is neither.
    """
    session = current_session.get()
    problem = Problem(site, text, is_note)
    if dag is not None:
        dag.problems.append(problem)
    elif session is not None:
        session.problems.append(problem)
    elif not is_note:
        raise AuthoringError(str(problem))


def refresh_every(interval: "timedelta | float") -> None:
    """Ask that this DAG file be imported again after so long, although it did not change.

    For files that build DAGs from the outside world; a file that reads a Variable needs it not, because it is imported
    again when that Variable changes. The shortest interval asked for counts. Outside of an import this does nothing.

    Args:
        interval: A timedelta, or seconds.
    """
    seconds = interval if isinstance(interval, int | float) else interval.total_seconds()
    if seconds <= 0:
        report(None, call_site(), f"refresh_every({interval!r}): write a time longer than zero.")
        return
    session = current_session.get()
    if session is not None:
        session.refresh_s = seconds if session.refresh_s is None else min(session.refresh_s, seconds)
