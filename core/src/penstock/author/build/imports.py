"""The import of a DAG file: the same code in the child that loads it and in the process that runs its tasks."""

import gc
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path
from typing import ClassVar

from penstock.author.fork_guard import in_one_process
from penstock.author.parse_session import ParseSession, current_session
from penstock.author.runtime import BaseRuntime, Runtime, current
from penstock.errors import AuthoringError

_YOUNG = 50_000
"""New objects after which the collector looks through them while a file is imported: almost all of what a file makes stays."""


class ImportRuntime(BaseRuntime):
    """The runtime while a DAG file is imported; a subclass says where Variables come from."""

    place: ClassVar[str] = "while a DAG file is imported"
    advice: ClassVar[str] = "do it inside a task"


def import_dag_file(folder: Path, file: str, runtime: Runtime, session: ParseSession | None = None) -> ParseSession:
    """Import a DAG file and collect what it defines.

    The folder is put last on ``sys.path``, so that the file may import modules that lie in it, and hides none of Python's
    own and of what is installed. The file is the module that an import of it by another file would make
    (``team/x.py`` is ``team.x``), so that what it defines can be pickled.

    Args:
        folder: The DAGs folder, or a snapshot of it.
        file: Path of the file within the folder, with ``/``.
        runtime: Answers what the file asks while it is imported, such as Variables.
        session: The session to report to; a new one unless given.

    Returns:
        The session with the DAGs and the problems found.

    Raises:
        AuthoringError: There is no such file, or it cannot be imported as a module.
        BaseException: Whatever the file's own code raised, SystemExit included.
    """
    path = folder / file
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    name = module_name(folder, file)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AuthoringError(f"{file} is no Python file. DAG files end in .py")
    session = session or ParseSession(str(path), str(folder))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    in_session, in_runtime = current_session.set(session), current.set(runtime)
    try:
        with in_one_process(), _seldom_collected():
            spec.loader.exec_module(module)
    finally:
        current_session.reset(in_session)
        current.reset(in_runtime)
    return session


@contextmanager
def _seldom_collected() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(_YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def module_name(folder: Path, file: str) -> str:
    """Name the module of a DAG file: as an import would, or without a dot if an import would find another one."""
    parts = file.removesuffix(".py").removesuffix("/__init__").split("/")
    if any("." in part for part in parts) or is_taken(parts[0], folder):
        return "dag_file_" + "_".join(parts).replace(".", "_")
    return ".".join(parts)


def is_taken(top: str, folder: Path) -> bool:
    """Tell whether Python's own modules or what is installed have a module of a name, which then hides the folder's."""
    if top in sys.stdlib_module_names:
        return True
    loaded = getattr(sys.modules.get(top), "__file__", None)
    if loaded is not None and not loaded.startswith(f"{folder}/"):
        return True
    elsewhere = [each for each in sys.path if each != str(folder)]
    try:
        found = PathFinder.find_spec(top, elsewhere)
    except (ImportError, ValueError, AttributeError):
        return False
    return found is not None and found.loader is not None  # a folder without __init__.py hides nothing
