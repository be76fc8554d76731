"""Operations on the structure of a DAG: its graph, of any version, and the code of that."""

from pathlib import Path, PurePosixPath

import msgspec

from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Permission
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.state import TriggerRule
from penstock.processes.files import open_file
from penstock.service.history.seen_files import seen_files
from penstock.service.history.versions import read_version
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation

LARGEST_CODE = 1 << 20
"""Bytes of a file of which the code is shown at most."""


class GraphTask(msgspec.Struct, frozen=True):
    """One node of a graph.

    Attributes:
        group: Id of the innermost task group that it stands in; "" if it stands in none.
        operator: Its class or capability, for people.
    """

    task_id: str
    group: str
    operator: str
    upstream: list[str]
    trigger_rule: TriggerRule
    mapped: bool
    sensor: bool
    setup: bool
    teardown: bool
    pool: str
    queue: str
    doc: str


class GraphGroup(msgspec.Struct, frozen=True):
    """A task group.

    Attributes:
        parent: Id of the group around it; "" if there is none.
        first: The tasks with which it begins.
    """

    group_id: str
    parent: str
    first: list[str]


class Graph(msgspec.Struct, frozen=True):
    """The structure of a version of a DAG.

    Attributes:
        tasks: In topological order.
    """

    dag_id: str
    version: str
    tasks: list[GraphTask]
    groups: list[GraphGroup]


class DagCode(msgspec.Struct, frozen=True):
    """A file of a version of a DAG.

    Attributes:
        text: What it holds; "" if it cannot be shown.
        files: All files of the version, by which ``file`` may be chosen.
        note: Why the text cannot be shown; "" if it is.
    """

    dag_id: str
    version: str
    file: str
    text: str
    files: list[str]
    note: str = ""


@operation("GET", "/dags/{dag_id}/graph", needs=Permission.DAGS_READ, stored=True)
def show_graph(installation: Installation, dag_id: str, version: str = "") -> Graph:
    """Show the tasks of a DAG and what is upstream of each, of its present version or of another one.

    Args:
        installation: The installation.
        dag_id: The DAG.
        version: The first digits of a version; the present one if it is empty.

    Raises:
        NotFoundError: There is no such DAG or version.
        RequestError: The digits fit several versions.
        StoreError: The database failed.
    """
    found = read_version(installation, dag_id, version)
    spec = found.spec
    groups = [GraphGroup(each, _group(spec, each), list(first)) for each, first in spec.groups.items()]
    return Graph(dag_id, found.version, [_node(spec, task) for task in spec.tasks], groups)


@operation("GET", "/dags/{dag_id}/code", needs=Permission.CODE_READ)
def show_code(installation: Installation, dag_id: str, version: str = "", file: str = "") -> DagCode:
    """Show the code of a version of a DAG, as its tries import it.

    Args:
        installation: The installation.
        dag_id: The DAG.
        version: The first digits of a version; the present one if it is empty.
        file: A file of the version; that which defines the DAG if it is empty.

    Raises:
        NotFoundError: There is no such DAG, version or file.
        RequestError: The digits fit several versions.
        StoreError: The database failed.
    """
    found = read_version(installation, dag_id, version)
    wanted = file or found.file
    folder = installation.settings.state_folder / "snapshots" / found.snapshot
    shown = seen_files(installation, dag_id, found)
    if shown is None:
        return DagCode(dag_id, found.version, wanted, "", [], "its files are not kept on this machine any more")
    files = sorted(shown)
    if wanted not in shown:
        raise NotFoundError(f"file of version {found.version[:12]} of DAG {dag_id!r}", wanted, files)
    try:
        text, note = _text(folder.joinpath(*PurePosixPath(wanted).parts)), ""
    except RequestError as error:
        text, note = "", str(error)
    return DagCode(dag_id, found.version, wanted, text, files, note)


def _text(path: Path) -> str:
    try:
        with open_file(path) as file:
            data = file.read(LARGEST_CODE + 1)
    except OSError as error:
        raise RequestError(f"it cannot be read: {error.strerror}") from None
    if len(data) > LARGEST_CODE:
        raise RequestError(f"it has more than {LARGEST_CODE:,} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise RequestError("it is no UTF-8 text") from None


def _node(spec: DagSpec, task: TaskSpec) -> GraphTask:
    return GraphTask(
        task.task_id, _group(spec, task.task_id), task.capability or task.operator, list(task.upstream), task.trigger_rule,
        bool(task.mapped or task.group), task.sensor is not None, task.setup, task.teardown, task.pool, task.queue, task.doc,
    )  # fmt: skip


def _group(spec: DagSpec, name: str) -> str:
    """The innermost group that a task or a group stands in, by its dotted id."""
    while "." in name:
        name = name.rpartition(".")[0]
        if name in spec.groups:
            return name
    return ""
