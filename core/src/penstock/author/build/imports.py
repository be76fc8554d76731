"""The import of a DAG file: the same code in the child that loads it and in the process that runs its tasks."""

import importlib.util
import sys
from pathlib import Path
from typing import ClassVar

from penstock.author.parse_session import ParseSession, current_session
from penstock.author.runtime import BaseRuntime, Runtime, current
from penstock.errors import AuthoringError


class ImportRuntime(BaseRuntime):
    """The runtime while a DAG file is imported; a subclass says where Variables come from."""

    place: ClassVar[str] = "while a DAG file is imported"
    advice: ClassVar[str] = "do it inside a task"


def import_dag_file(folder: Path, file: str, runtime: Runtime, session: ParseSession | None = None) -> ParseSession:
    """Import a DAG file and collect what it defines.

    The folder is put first on ``sys.path``, so that the file may import modules that lie beside it. The file is a
    module of its own under a name that no other import has.

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
    name = "penstock_dag_file." + file.removesuffix(".py").replace("/", ".")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AuthoringError(f"{file} is no Python file. DAG files end in .py")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    session = session or ParseSession(str(path), str(folder))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    in_session, in_runtime = current_session.set(session), current.set(runtime)
    try:
        spec.loader.exec_module(module)
    finally:
        current_session.reset(in_session)
        current.reset(in_runtime)
    return session
