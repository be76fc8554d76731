"""Hostile values, and every door by which a user, a DAG file, a task or an executor hands one to the scheduler.

A door is a function of a house, a value and a number that makes names unique. It gives back what is kept of the value, or
raises a PenstockError, whose sentence refuses it. Anything else is a hole.
"""

import math
import random
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec

from penstock import DAG, Param
from penstock.author.build.build import build_dag
from penstock.author.operators.bash import BashOperator
from penstock.errors import PenstockError
from penstock.model.connection import Connection
from penstock.model.history.audit import AskedBy
from penstock.model.run import TaskKey
from penstock.model.source import ParsedFile
from penstock.model.state import Outcome
from penstock.model.values.value import decode
from penstock.plugins.host import PluginHost
from penstock.service import dags, runs, tasks
from penstock.service.config import connections, pools, variables
from penstock.service.history import audit, versions
from penstock.service.installation import Installation
from penstock.service.retention import prune
from penstock.settings import load_settings
from penstock.spec.wire import Ask, Reply
from penstock.testing import FakeClock
from penstock.tries.asks import answered
from penstock.tries.vault import Vault, finished
from penstock.tries.vault_sources import StoreSource

NOW = datetime(2026, 3, 1, tzinfo=UTC)

TEXTS = [
    "",
    " ",
    "a",
    "\0",
    "a\0b",
    "\ud800",
    "x\udcff",
    "\x1b]0;OWNED\x07",
    "\x1b[2J",
    "\r\n",
    "\u202egnp.exe",
    "\u200b",
    "\ufeffbom",
    "../../etc/passwd",
    "/",
    ".",
    "..",
    "a/b",
    "a%00b",
    "C:\\nul",
    "'; DROP TABLE run; --",
    "{{ 1/0 }}",
    "{% raw %}",
    "%s%n{}",
    "\U0001f600" * 3,
    "é" * 300,
    "x" * 300,
    "x" * 100_000,
    "null",
    "NaN",
    "$penstock",
    "__proto__",
    "-1",
    "--help",
    "\u2028",
    "\x7f\x80\x9f",
    '{"type":"cancel_run","run":1}',
    "\uffff\ufffe",
    "a\tb",
    "\u0130\u0131\u017f\u212a",
]


def reply_of(asks, key, ask):
    begun = asks.begin(key, 1, ask)
    return begun if isinstance(begun, Reply) else answered(finished, begun)


def _nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


VALUES = [
    None,
    True,
    0,
    -1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    2**70,
    -(2**70),
    10**400,
    0.1,
    -0.0,
    math.nan,
    math.inf,
    -math.inf,
    1e308,
    5e-324,
    [],
    {},
    [[]],
    {"": ""},
    {"a\0": 1},
    {"\ud800": 1},
    {"k": "\udcff"},
    {"$penstock": "int", "value": "x"},
    {"$penstock": "ref", "value": {}},
    _nested(50),
    _nested(500),
    _nested(20_000),
    ["x" * 200_000],
    {str(n): n for n in range(500)},
    b"\xff",
    (1, 2),
    {3},
    1j,
    object(),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
    timedelta.max,
    TaskKey(1, "t"),
    Outcome.LOST,
    msgspec.UNSET,
]

INSTANTS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12))),
    datetime(2026, 1, 1),  # noqa: DTZ001 - hostile on purpose
    datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 2, 30, fold=1, tzinfo=timezone(timedelta(seconds=1))),
]


def random_texts(seed, count):
    """Texts of characters that are seldom seen, the same for a seed."""
    chance = random.Random(seed)
    pools_of = [
        range(0x20),
        range(0x7F, 0xA0),
        range(0xD800, 0xE000),
        range(0x2000, 0x2070),
        range(0x20, 0x7F),
        range(0x10FFF0, 0x110000),
    ]
    return [
        "".join(chr(chance.choice(chance.choice(pools_of))) for _ in range(chance.randint(1, 12))) for _ in range(count)
    ]


def installation(house):
    """What the operations of a person need of an installation."""
    vault = Vault([StoreSource(house.store)], lambda _: ())
    return Installation(
        load_settings({}, Path("/")),
        FakeClock(NOW),
        open_store=lambda _: house.store,
        find_plugins=lambda: PluginHost([]),
        open_vault=lambda _: vault,
    )


def conf_value(house, value, n):
    made = dags.trigger(installation(house), "stock", run_id=f"conf{n}", conf={"k": value})
    return house.store.runs.get(made.run.run).conf["k"]


def conf_key(house, value, n):
    made = dags.trigger(installation(house), "stock", run_id=f"key{n}", conf={value: 1})
    return next(iter(house.store.runs.get(made.run.run).conf))


def run_id(house, value, n):
    made = dags.trigger(installation(house), "stock", run_id=value) if value else None
    return house.store.runs.get(made.run.run).run_id if made else value


def logical_date(house, value, n):
    made = dags.trigger(installation(house), "stock", run_id=f"at{n}", logical_date=value)
    return house.store.runs.get(made.run.run).logical_date


def variable_key(house, value, n):
    variables.set_variable(installation(house), value, "v")
    house.store.config.delete_variable(value)
    return value


def variable_value(house, value, n):
    variables.set_variable(installation(house), f"v{n}", value, value)
    return variables.get_variable(installation(house), f"v{n}")


def connection(house, value, n):
    connections.set_connection(
        installation(house), f"c{n}", Connection(f"c{n}", value, host=value, password=value, extra={"k": value})
    )
    return house.store.config.connection(f"c{n}").password


def connection_id(house, value, n):
    connections.set_connection(installation(house), value, Connection(value, "http"))
    return house.store.config.connection(value).conn_id


def pool_name(house, value, n):
    made = pools.set_pool(installation(house), value, 3, value)
    pools.delete_pool(installation(house), value)
    return made.name


def asked_by(house, value, n):
    """Who asks, and why: what no database takes of it is made visible."""
    dags.trigger(installation(house), "stock", run_id=f"by{n}", by=AskedBy(value, value))
    audit.list_audit(installation(house), run_id=f"by{n}")
    return value


def pool_slots(house, value, n):
    return pools.set_pool(installation(house), f"p{n}", value).slots


def names_of_others(house, value, n):
    """Whatever is looked up by a name is not found, and nothing else happens."""
    for find in (
        lambda: dags.show_dag(installation(house), value),
        lambda: dags.pause(installation(house), value, paused=True),
        lambda: runs.show_run(installation(house), "stock", value),
        lambda: tasks.why(installation(house), "stock", value, run_id="first"),
        lambda: tasks.mark_task(installation(house), "stock", value, "success", run_id="first"),
        lambda: runs.mark_run(installation(house), "stock", value, value),
        lambda: versions.list_versions(installation(house), value),
        lambda: versions.diff_versions(installation(house), "stock", value, value),
        lambda: audit.list_audit(installation(house), dag_id=value),
        lambda: audit.list_audit(installation(house), run_id=value),
        lambda: prune.delete_runs(installation(house), "stock", [value], dry_run=True),
        lambda: connections.show_connection(installation(house), value),
        lambda: variables.get_variable(installation(house), value),
        lambda: pools.delete_pool(installation(house), value),
    ):
        try:
            find()
        except PenstockError:
            continue
    dags.list_dags(installation(house), search=value, tag=value)
    return value


def dag_texts(house, value, n):
    return _stored(house, lambda: _dag(f"dag{n}", doc=value, tags=[value], param=value, queue=value)).tags[0]


def dag_id(house, value, n):
    return _stored(house, lambda: _dag(value)).dag_id


def task_id(house, value, n):
    return _stored(house, lambda: _dag(f"dag{n}", task=value)).tasks[0].task_id


def pool_of_task(house, value, n):
    return _stored(house, lambda: _dag(f"dag{n}", pool=value)).tasks[0].pool


def param_value(house, value, n):
    """A param's default, as the task gets it; a subclass is its base, as `penstock.model.values.value` says."""
    spec = _stored(house, lambda: _dag(f"dag{n}", param=value))
    found = decode(msgspec.json.encode(spec.params["p"].default))
    return value if isinstance(value, TaskKey | Outcome) and found == value else found


def dag_dates(house, value, n):
    """A start date; one without a zone is in that of its DAG, which is UTC here."""
    found = _stored(house, lambda: _dag(f"dag{n}", start=value, schedule="@daily")).start_date
    return value if value.tzinfo is None and found == value.replace(tzinfo=UTC) else found


def file_name(house, value, n):
    """A file of the DAGs folder whose name is odd, and whose problem is; other names leave the folder's walk with a warning."""
    if "\0" in value or not value.encode(errors="ignore").decode() == value:
        raise PenstockError("no file of a snapshot has this name")
    house.catalog.save(ParsedFile(value, value, {value: value}, {value: value}, None, NOW, 0.1, (), (f"{value}\0",)))
    house.catalog.retire(value)
    return value


def _dag(name, *, task="t", doc="", tags=(), param=1, queue="default", pool="default_pool", start=None, schedule=None):
    with DAG(
        name, schedule=schedule, start_date=start, tags=tags, doc_md=doc, params={"p": Param(param)}, catchup=False
    ) as made:
        BashOperator(task_id=task, bash_command="true", pool=pool, queue=queue, doc_md=doc)
    return made


def _stored(house, make):
    """A DAG as the store gives it back; what its author is told by an exception or a problem is a refusal."""
    try:
        spec = build_dag(make(), "f.py")
    except Exception as error:  # noqa: BLE001 - an import ends with it, and its author is told
        raise PenstockError(str(type(error))) from None
    house.define(spec)
    return house.store.dags.row(spec.dag_id).spec


def question(house, value, n):
    """Every question with the value as every argument."""
    given = {
        "variable": (value,),
        "set_variable": (value, value),
        "connection": (value,),
        "xcom": (value, value, None),
        "trigger_dag": ("stock", value, {"k": value}, ""),
        "run_state": ("stock", value),
    }
    replies = [reply_of(house.asks, TaskKey(1, "count"), Ask(method, arguments)) for method, arguments in given.items()]
    try:
        [msgspec.msgpack.encode(reply) for reply in replies]
    except (UnicodeEncodeError, OverflowError, TypeError):
        # A task that gets back what it sent cannot have sent what no wire carries.
        return value
    return value


def conf_of_task(house, value, n):
    """A run that a task asks for: what is accepted is carried out."""
    reply = reply_of(house.asks, TaskKey(1, "count"), Ask("trigger_dag", ("stock", f"task{n}", {"k": value}, "")))
    if reply.error:
        raise PenstockError(reply.error)
    return value


def instant_of_task(house, value, n):
    reply = reply_of(house.asks, TaskKey(1, "count"), Ask("trigger_dag", ("stock", f"when{n}", {}, value.isoformat())))
    if reply.error:
        raise PenstockError(reply.error)
    return value


def ending(house, value, n):
    """Ends of tries with the value in each of their texts, as a process sends them."""
    ends = [
        {"outcome": "success", "error": value, "xcoms": {value: {"json": b"1"}}},
        {"outcome": "failed", "error": value, "retryable": False},
        {"outcome": "skipped", "error": value},
        {
            "outcome": "success",
            "xcoms": {"k": {"json": value.encode("utf-8", "surrogatepass")}},
            "follow": [value],
            "skip_downstream": value,
        },
    ]
    house.end_as(f"end{n}", ends)
    return value


def ending_value(house, value, n):
    """Ends of tries whose fields have values of other types, as a process sends them."""
    ends = [
        {"outcome": value, "error": value},
        {"outcome": "success", "xcoms": {"k": {"json": b"[1]", "length": value}}},
        {"outcome": "failed", "retry_after_s": value, "retryable": False},
        {"outcome": "success", "xcoms": value, "follow": value},
    ]
    house.end_as(f"odd{n}", ends)
    return value


# Those that make DAGs come first, and those that make runs last: what is looked up by name takes as long as there is.
DOORS = {
    names_of_others: TEXTS,
    dag_id: TEXTS,
    task_id: TEXTS,
    pool_of_task: TEXTS,
    dag_texts: TEXTS,
    param_value: VALUES,
    dag_dates: INSTANTS,
    file_name: TEXTS,
    variable_key: TEXTS,
    variable_value: TEXTS,
    connection: TEXTS,
    connection_id: TEXTS,
    pool_name: TEXTS,
    asked_by: TEXTS,
    pool_slots: [0, -1, 2**31 - 1, 2**31, 2**70],
    question: [*VALUES, *TEXTS],
    conf_value: [*VALUES, *TEXTS],
    conf_key: TEXTS,
    run_id: TEXTS,
    logical_date: INSTANTS,
    conf_of_task: VALUES,
    instant_of_task: INSTANTS,
    ending: TEXTS,
    ending_value: VALUES,
}
