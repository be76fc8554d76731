"""The table of kinds: what a provider can offer.

Everything that knows kinds is made from this table: the checks of a manifest, the check of an object, the rooms of a
provider's package, the names of the core's pluggy specs, and the reference page. A kind is here only if something uses
what providers offer of it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from penstock_manifest.keys import (
    ALWAYS,
    CAPABILITY_KEYS,
    COMMAND_NAME,
    CONNECTION_KEYS,
    CONNECTION_TYPE,
    INSTALLATION,
    SCHEME,
    Key,
)
from penstock_manifest.specs import Deprecation


class Kind(NamedTuple):
    """One kind of thing that a provider offers.

    Attributes:
        name: Name of the manifest's array, such as ``operators``.
        meaning: What it is, for people.
        imported_when: When the object behind an entry is imported.
        spec: Name of the pluggy spec that asks for it.
        protocol: What its object must be, ``module:attribute`` of the core: a base class or a Protocol; "" where an entry
            has no object.
        base: A base class of the core, ``module:attribute``, whose subclasses serve as well; "" for none.
        rooms: Modules of a provider's package in which its objects stand.
        floor: How high these rooms stand in a provider's package; imports go down only.
        own_keys: Keys that no other kind has.
        keys: All keys of an entry.
        inner: The key that holds an entry's list of tables: ``parameters`` or ``fields``.
        made_with: What its object is called with, and what comes of it.
        process: In which process what was made works.
        raised: What an error that it raises does there.
        since: Spec version with which the kind came.
        deprecated: What announces its end; None while there is none.
    """

    name: str
    meaning: str
    imported_when: str
    spec: str
    protocol: str
    rooms: tuple[str, ...]
    floor: int
    own_keys: Mapping[str, Key] = {}
    keys: Mapping[str, Key] = {}
    inner: str = "parameters"
    made_with: str = ""
    process: str = ""
    raised: str = ""
    since: int = 1
    base: str = ""
    deprecated: Deprecation | None = None


_TABLE = (
    Kind(
        "hooks",
        "clients of an external service",
        "by a task that uses it, and by `penstock connections test`",
        "penstock_hooks",
        "penstock.author.hook:Hook",
        ("hooks",),
        2,
        {"connection_type": CONNECTION_TYPE},
        made_with="a connection id, or a connection; nothing is opened then",
        process="that of the try, the waiters, or the command, that uses it",
        raised="a `ProviderError` decides by its kind whether the try is repeated; any other error is repeated as the task says",
    ),
    Kind(
        "operators",
        "tasks",
        "by the process that runs a task of it",
        "penstock_operators",
        "penstock.author.operator:Operator",
        ("operators", "transfers"),
        3,
        made_with="the task's arguments by name",
        process="one of its own for each try; a DAG file that imports the class makes an object while it is imported",
        raised="the try fails with it, and is repeated as the task says",
    ),
    Kind(
        "sensors",
        "tasks that wait",
        "by the waiters, when the first of its tasks begins to wait",
        "penstock_sensors",
        "penstock.author.sensor:Sensor",
        ("sensors", "operators", "transfers"),
        3,
        made_with="the task's arguments by name",
        process="the waiters of its DAG file, with all sensors that wait there",
        raised="its own try fails with it; the other sensors wait on",
    ),
    Kind(
        "executors",
        "places where tries run",
        "by the scheduler when it starts, if the settings name it",
        "penstock_executors",
        "penstock.spec.executor:Executor",
        ("executors",),
        3,
        base="penstock.spec.remote:RemoteExecutor",
        made_with="a `penstock.spec.executor.ExecutorContext`, or a `penstock.spec.remote.RemoteContext`; it gives the executor",
        process="the scheduler, in a thread of its own",
        raised="the executor is left alone until its call returns, its tries end by their leases, and `penstock doctor` tells it",
    ),
    Kind(
        "object_stores",
        "stores behind a URL",
        "by a process that opens the first URL of its scheme",
        "penstock_object_stores",
        "penstock.spec.object_store:ObjectStore",
        ("storage",),
        3,
        {"scheme": SCHEME},
        made_with="a connection id or None; it gives the store of all URLs of the scheme",
        process="that of the try, or of the command, that opens a URL",
        raised="as for hooks",
    ),
    Kind(
        "timetables",
        "classes that say when runs fall due",
        "by the process that imports a DAG file which names it",
        "penstock_timetables",
        "penstock.author.timetable.timetable:Timetable",
        ("timetables",),
        3,
        made_with="its arguments by name",
        process="that of the import of the DAG file, which is bounded in time and memory",
        raised="it is a problem of the DAG file, whose last good plan stays",
    ),
    Kind(
        "secrets_backends",
        "sources of connections and Variables",
        "by a process of its own, when something is asked of it, if the settings name it",
        "penstock_secrets_backends",
        "penstock.spec.secrets_backend:SecretsBackend",
        ("secrets",),
        3,
        made_with="its options of the settings by name",
        process="one of its own for each process that asks it",
        raised="what was asked fails with it, no later source is asked, and it is not remembered",
    ),
    Kind(
        "log_stores",
        "places that keep the logs of tries",
        "by the log shipper when it starts, and by a command that reads a log",
        "penstock_log_stores",
        "penstock.spec.log_store:LogStore",
        ("logs",),
        3,
        {"scheme": SCHEME},
        made_with="the store's URL, and a connection id or None; it gives the log store",
        process="the log shipper, in several threads; a command that reads a log; the process that deletes old ones",
        raised="the log stays on its machine and is offered again after a pause; `penstock up` and `penstock doctor` tell it",
    ),
    Kind(
        "services",
        "long-running parts",
        "by a process of its own under `penstock up`, if the settings name it, or it is one that is always kept",
        "penstock_services",
        "penstock.spec.service:Service",
        ("services",),
        3,
        {"installation": INSTALLATION, "always": ALWAYS},
        made_with="its options of the settings by name",
        process="one of its own, from the start of `penstock up` to its end",
        raised="its process ends, which is told, and is started again after a pause that grows",
    ),
    Kind(
        "commands",
        "commands of the command line",
        "by `penstock NAME`, when it is called",
        "penstock_commands",
        "penstock.spec.command:Command",
        ("commands",),
        3,
        {"name": COMMAND_NAME},
        made_with="the arguments that were typed, by name; the object is the function itself",
        process="that of the command line",
        raised="it is told in a sentence, and the exit code is not 0",
    ),
    Kind(
        "notifiers",
        "channels that alerts are sent to",
        "by the process of a channel that the settings name it for, and by `penstock alerts test`",
        "penstock_notifiers",
        "penstock.spec.notifier:Notifier",
        ("notifiers",),
        3,
        made_with="its options of the settings by name",
        process="one of its own for each channel, and one for a test of it",
        raised="it is told, and the message is sent again later; a `ProviderError` of kind `invalid` gives the message up",
    ),
    Kind(
        "metrics_sinks",
        "places where measurements go",
        "by the process of the sinks when it starts, if the settings name it",
        "penstock_metrics_sinks",
        "penstock.spec.metrics_sink:MetricsSink",
        ("metrics",),
        3,
        made_with="its options of the settings by name",
        process="that of the sinks, each in a thread of its own",
        raised="what it was given is lost to it, its next call comes as always, and `penstock up` and `penstock doctor` tell it",
    ),
)

KINDS: Mapping[str, Kind] = {kind.name: kind._replace(keys={**CAPABILITY_KEYS, **kind.own_keys}) for kind in _TABLE}
"""The kinds whose entries have an id and an object, in the order in which they are listed."""

CONNECTIONS = Kind(
    "connections",
    "connection types",
    "never: forms, validation and masking read the manifest",
    "penstock_connection_types",
    "",
    ("connections",),
    1,
    CONNECTION_KEYS,
    CONNECTION_KEYS,
    "fields",
    made_with="nothing: it has no object",
    process="none",
    raised="nothing can",
)

ARRAYS: Mapping[str, Kind] = {**KINDS, CONNECTIONS.name: CONNECTIONS}
"""All arrays of tables of a manifest."""

OWN_COMMANDS = frozenset({
    "alerts", "assets", "audit", "backfills", "config", "connections", "dags", "db", "doctor", "drain", "executors",
    "export", "init", "logs", "pools", "providers", "quarantine", "queues", "runs", "schedulers", "services", "state", "tasks", "tenants",
    "up",
    "variables", "worker", "workers",
})  # fmt: skip
"""Names of the core's own commands, which go before a provider whose id is the same, and with which no name of its commands begins."""

FLOORS: Mapping[str, int] = {
    "errors": 0,
    **{room: kind.floor for kind in sorted(ARRAYS.values(), key=lambda each: each.floor) for room in kind.rooms},
    "plugin": 4,
}
"""Rooms of a provider's package by floor, lowest first: a room imports from lower floors alone."""
