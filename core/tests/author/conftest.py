"""DAG files as text, imported as the loader imports them, and tries of their tasks."""

import textwrap
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from penstock import Timetable
from penstock.author.build.build import build_file
from penstock.author.build.import_errors import to_problems
from penstock.author.build.imports import import_dag_file
from penstock.author.parse_session import ParseSession
from penstock.author.run.execution import run_try
from penstock.author.runtime import BaseRuntime
from penstock.errors import MissingProviderError, NotFoundError
from penstock.model.attempt import MappedElement, TryFacts, TryInputs
from penstock.model.connection import Connection
from penstock.model.dag import from_json, to_json
from penstock.model.values.value import decode, encode
from penstock_manifest.format import Capability, Parameter

HEADER = """\
from datetime import UTC, datetime, timedelta
from penstock import *
START = datetime(2026, 1, 1, tzinfo=UTC)
"""
HEADER_LINES = HEADER.count("\n")


SOURCE, PARTS = Parameter("source", "str", "From where.", required=True), Parameter("parts", "int")
KNOWN = {
    "known.copy": Capability("operators", "known.copy", "m:Copy", "", parameters=(SOURCE, Parameter("target"), PARTS)),
    "known.full": Capability("timetables", "known.full", "m:Full", "", parameters=(Parameter("minutes", "int"),)),
    "known.odd": Capability("timetables", "known.odd", "m:odd", ""),
    "known.wait": Capability("sensors", "known.wait", "m:Wait", "", parameters=(SOURCE,)),
}


class DictRuntime(BaseRuntime):
    """A runtime that answers from dicts."""

    def __init__(self, variables=None, connections=(), states=None):
        self.variables = dict(variables or {})
        self.connections = {each.conn_id: each for each in connections}
        self.states = dict(states or {})
        self.triggered, self.cleared, self.checkpoints = [], [], {}

    def variable(self, key):
        return self.variables.get(key)

    def set_variable(self, key, value):
        if value is None:
            self.variables.pop(key, None)
        else:
            self.variables[key] = value

    def connection(self, conn_id) -> Connection:
        if conn_id not in self.connections:
            raise NotFoundError("connection", conn_id, self.connections)
        return self.connections[conn_id]

    def xcom(self, task_id, key, map_index):
        return None

    def trigger_dag(self, dag_id, run_id, conf, logical_date):
        self.triggered.append((dag_id, run_id, conf, logical_date))

    def clear_run(self, dag_id, run_id):
        self.cleared += [run_id] if run_id in self.states else []
        return run_id in self.states

    def checkpoint(self, key):
        return self.checkpoints.get(key)

    def set_checkpoint(self, key, value):
        self.checkpoints[key] = value

    def run_state(self, dag_id, run_id):
        return self.states.get(run_id)


class EveryFull(Timetable):
    """Falls due at each full step."""

    def __init__(self, minutes=5):
        self.step_s = minutes * 60

    def next_run(self, after):
        return datetime.fromtimestamp((int(after.timestamp()) // self.step_s + 1) * self.step_s, UTC)


class Known:
    """What a provider `known` would declare."""

    OBJECTS: ClassVar = {"known.full": EveryFull, "known.odd": lambda: "odd"}

    def __call__(self, capability_id):
        if not capability_id.startswith("known."):
            raise MissingProviderError(capability_id.partition(".")[0], f"the operator {capability_id!r}")
        if capability_id not in KNOWN:
            raise NotFoundError("operator or sensor of a provider", capability_id, list(KNOWN))
        return KNOWN[capability_id]

    def load(self, capability):
        return self.OBJECTS[capability.id]


@pytest.fixture
def runtime():
    return DictRuntime()


@pytest.fixture
def imported(tmp_path, runtime):
    """Import a DAG file, given as text below the usual imports; returns its session."""

    def run(text, file="f.py", header=HEADER):
        path = tmp_path / file
        path.write_text(header + textwrap.dedent(text).lstrip("\n"))
        session = ParseSession(str(path), str(tmp_path), capabilities=Known())
        try:
            import_dag_file(tmp_path, file, runtime, session)
        except BaseException as error:  # noqa: BLE001 - as the loader does
            session.problems += to_problems(error, session, file)
        return session

    return run


@pytest.fixture
def built(imported):
    """What a DAG file comes to: its DAGs and problems."""

    def run(text, **options):
        return build_file(imported(text, **options), options.get("file", "f.py"))

    return run


@pytest.fixture
def spec(built):
    """The only DAG of a file, as data."""

    def run(text):
        result = built(text)
        assert result.problems == ()
        (dag,) = result.dags
        assert from_json(to_json(dag)) == dag
        return dag

    return run


@pytest.fixture
def complained(built):
    """Holds that a DAG file has problems in exactly these lines, counted below the imports, which say so."""

    def check(text, expected):
        result = built(textwrap.dedent(text).lstrip("\n"))
        assert result.dags == ()
        by_line = {}
        for problem in result.problems:
            place, _, sentence = problem.partition(": ")
            file, line = place.rsplit(":", 1)
            assert file == "f.py"
            by_line.setdefault(int(line) - HEADER_LINES, []).append(sentence)
        assert set(by_line) == set(expected), result.problems
        for line, sentences in expected.items():
            for sentence in sentences:
                assert any(sentence in found for found in by_line[line]), result.problems

    return check


@pytest.fixture
def dag_of(imported):
    """The only DAG of a file that has nothing wrong."""

    def run(text):
        session = imported(text)
        assert build_file(session, "f.py").problems == ()
        (dag,) = session.dags
        return dag

    return run


@pytest.fixture
def tried(runtime):
    """Run a try of a task; values of other tasks, ``{task_id: {key: value}}``, and elements are plain."""

    def run(dag, task_id, *, values=None, elements=None, lengths=None, **facts):
        inputs = TryInputs(
            {task: {key: encode(each) for key, each in left.items()} for task, left in (values or {}).items()},
            {
                name: MappedElement(encode(each), length=(lengths or {}).get(name))
                for name, each in (elements or {}).items()
            },
        )
        known = {"dag_id": dag.dag_id, "run_id": "r1", "task_id": task_id, **facts}
        return run_try(dag.get_task(task_id), TryFacts(**known), inputs, runtime)

    return run


@pytest.fixture
def value():
    """The value that an ending leaves under a key."""

    def find(ending, key="return_value"):
        assert ending.outcome == "success", ending.error
        return decode(ending.xcoms[key].json)

    return find
