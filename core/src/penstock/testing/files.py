"""DAG files in tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.author.build.build import build_file
from penstock.author.build.import_errors import to_problems
from penstock.author.build.imports import import_dag_file
from penstock.author.dag import DAG
from penstock.author.parse_session import ParseSession
from penstock.errors import AuthoringError
from penstock.testing.fake_runtime import FakeRuntime


def load_dags(
    path: str | Path, *, folder: str | Path | None = None, variables: Mapping[str, Any] | None = None
) -> dict[str, DAG]:
    """The DAGs of a file by id, imported as the loader imports it.

    Args:
        path: The DAG file.
        folder: The DAGs folder; that of the file unless given.
        variables: Variables that the file may read.

    Raises:
        AuthoringError: With everything that is wrong with the file.
    """
    full = Path(path).resolve()
    root = Path(folder).resolve() if folder is not None else full.parent
    file = full.relative_to(root).as_posix()
    session = ParseSession(str(full), str(root))
    try:
        import_dag_file(root, file, FakeRuntime(variables=variables), session)
    except Exception as error:  # noqa: BLE001 - whatever the file raises is what is wrong with it
        session.problems += to_problems(error, session, file)
    problems = build_file(session, file).problems
    if problems:
        raise AuthoringError(problems)
    return {dag.dag_id: dag for dag in session.dags}
