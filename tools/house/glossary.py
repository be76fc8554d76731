"""The words of the project: one table of terms, the plain English that names may use besides, and the words that they replace.

`docs/reference/glossary.md` is made from the terms; tests/contracts/test_glossary.py holds names to all three tables.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePath
from typing import NamedTuple

from house.tree import parse


class Term(NamedTuple):
    """A noun or verb of the field, or of this project.

    Attributes:
        name: The word, as prose writes it.
        meaning: What it means, as a sentence.
        place: The package or module where it stands.
    """

    name: str
    meaning: str
    place: str


TERMS = (
    Term("admission", "The choice of the ready task instances that may start now, under all limits.", "penstock.engine.limits"),
    Term("alert", "What somebody is told of: a failure, something late, an installation that is not well; an alert rule says who is told of what.", "penstock.alerts.rules"),
    Term("answer", "What comes back for an ask, a request or a try; a late one is recorded and changes nothing.", "penstock.store"),
    Term("argument", "What an author passes to an operator, sensor, hook or DAG.", "penstock_manifest.arguments"),
    Term("arrival", "One thing that a turn has to handle: what is stored, a request, or what an executor tells.", "penstock.scheduler.arrival"),
    Term("ask", "A question of a running try to the scheduler, such as for a connection; its answer is a reply.", "penstock.tries.asks"),
    Term("author", "A person who writes DAG files or a provider.", "penstock.author"),
    Term("backfill", "Runs of data intervals that lie in the past; `catchup` brings those that a DAG has missed.", "penstock.engine.due"),
    Term("backoff", "The growing pause before something is tried or started again.", "penstock.processes.supervise"),
    Term("bucket", "Ready task instances that need the same amounts of the same resources; in S3, what holds objects.", "penstock.engine.limits"),
    Term("bundle", "A folder of wheels and a lock file, from which an environment is installed without a network.", "penstock_plugin_manager.commands.lock.bundle"),
    Term("callback", "A function of a DAG file that is called with a context when something has happened.", "penstock.author.alert"),
    Term("cancel", "End a run or a try on a user's request.", "penstock.model.request"),
    Term("capability", "One thing that a provider offers: an operator, a sensor, a hook, an executor and so on. Its id is `provider.name`.", "penstock_manifest.format"),
    Term("capacity", "The number of tries that an executor holds at once.", "penstock.spec.executor"),
    Term("catalog", "A list: in the store, of parsed files and versions of DAGs; in the plugin manager, of providers that can be installed.", "penstock.store.catalog"),
    Term("catchup", "Whether a DAG runs every data interval since its start date, or only the newest.", "penstock.engine.due"),
    Term("change", "A row to persist, decided by a step of the engine; in the plugin manager, what a command does to an environment.", "penstock.model.changes"),
    Term("channel", "The connection of a try's process to its supervisor; of alerts, a place that they are sent to, such as a chat.", "penstock.execute.channel"),
    Term("checkpoint", "A value that a task instance keeps across its own tries, and which a clear deletes.", "penstock.store.checkpoints"),
    Term("clear", "Have finished task instances run again.", "penstock.model.request"),
    Term("clock", "What gives the present: the wall clock for schedules, the monotonic clock for leases and timeouts.", "penstock.clock"),
    Term("collector", "The process that puts together what others measure, and gives it to the metrics sinks.", "penstock.metrics.collector"),
    Term("command", "What a step of the engine has the scheduler do once the changes are stored; also a command of the command line.", "penstock.engine.messages"),
    Term("compiled DAG", "A version of a DAG with its tasks by number, shared by all runs of it in memory.", "penstock.engine.graph.compiled"),
    Term("conflict", "Requirements that no set of versions meets.", "penstock_plugin_manager.change.solve.conflict"),
    Term("conformance", "Whether a provider does what its manifest and the specs say, as suites find out.", "penstock_plugin_manager.conformance"),
    Term("connection", "Address and credentials of a service, stored under an id.", "penstock.model.connection"),
    Term("context", "The names that templates and functions of a task get: `ds`, `ti`, `params`, ...", "penstock.author.run.context"),
    Term("cursor", "The end of the newest data interval of a DAG that has a run.", "penstock.engine.due"),
    Term("DAG", "A directed acyclic graph of tasks with a schedule.", "penstock.author.dag"),
    Term("DAG run", "One execution of a DAG, for one data interval; in code, a run.", "penstock.model.run"),
    Term("damage", "A file of an installed distribution that is not as its RECORD says.", "penstock_plugin_manager.installed.damage"),
    Term("data interval", "The span of time whose data a run processes.", "penstock.model.schedule"),
    Term("delivery", "The handing of notices to one listener, at least once and in order.", "penstock.notify.delivery"),
    Term("deprecation", "The announced end of a kind, of a spec or of an argument of one: since which spec version, and with which it is gone.", "penstock_manifest.specs"),
    Term("dispatch", "The engine's command that starts a try at an executor.", "penstock.engine.messages"),
    Term("distribution", "A Python package as it is installed: a name, a version, files.", "penstock_manifest.discovery"),
    Term("due", "The instant from which a run, a retry or a timer may happen.", "penstock.engine.due"),
    Term("edge", "A dependency between two tasks.", "penstock.author.graph.edges"),
    Term("element", "One value of those that a mapped task is mapped over.", "penstock.tries.inputs"),
    Term("engine", "The scheduling state machine: events in, changes and commands out, no input or output of its own.", "penstock.engine.engine"),
    Term("entry point", "The name under which a distribution announces its provider, in the group `penstock.providers`.", "penstock_manifest.discovery"),
    Term("environment", "A Python environment: interpreter and installed distributions; also the variables of a process.", "penstock.execute.environment"),
    Term("epoch", "The number of a dispatch of a task instance; an answer with another epoch than the present one changes nothing.", "penstock.model.run"),
    Term("event", "What happened and may change the engine's state: a finished try, a due timer, a request.", "penstock.engine.messages"),
    Term("evidence", "An import, a connection or a URL in a DAG file that shows which provider it needs.", "penstock_plugin_manager.need.evidence"),
    Term("executor", "What runs tries: processes of this machine, or a provider's machines.", "penstock.spec.executor"),
    Term("expansion", "Making the instances of a mapped task, when the values that it is mapped over are known.", "penstock.engine.expansion"),
    Term("facts", "What a try knows about itself and its run.", "penstock.model.attempt"),
    Term("fence", "What keeps a fault of foreign code, or of a late process, from doing harm elsewhere.", "penstock.plugins.fence"),
    Term("field", "One part of a connection, such as `host`, as a provider declares it.", "penstock.spec.fields"),
    Term("file server", "The process that has imported one DAG file and forks a process for each try.", "penstock.execute.file_server"),
    Term("frame", "One message between two processes: a header and a payload.", "penstock.processes.frames"),
    Term("generation", "One complete environment that the plugin manager has built; a switch of generations can be undone.", "penstock_plugin_manager.apply.generations"),
    Term("guard", "What a task waits for whatever its trigger rule says, such as a setup further up.", "penstock.engine.graph.guards"),
    Term("heartbeat", "An executor's sign that a try is alive; it renews the lease.", "penstock.spec.executor"),
    Term("hook", "A client of an external service, used by operators and sensors.", "penstock.author.hook"),
    Term("identity", "Who a service says that we are.", "penstock.spec.hooks.service_hook"),
    Term("impact", "The lines of a project that use what an upgrade of a provider changes.", "penstock_plugin_manager.change.impact"),
    Term("impl", "A function that implements a spec of pluggy.", "penstock.spec.plugin"),
    Term("inbox", "The requests that wait for the scheduler.", "penstock.scheduler.inbox"),
    Term("installation", "The settings, the store, the providers and the vault of one project, opened together.", "penstock.service.installation"),
    Term("intent", "What the user has asked the plugin manager for, as `pyproject.toml` or `penstock.toml` holds it.", "penstock_plugin_manager.model.intent"),
    Term("interval", "The time between two pokes, or two ticks of a schedule.", "penstock.model.schedule"),
    Term("isolated provider", "A provider in an environment of its own, because its dependencies conflict with others.", "penstock.app.parts.environments"),
    Term("job", "Work that a service does for a task; within a machine, a try as its file server knows it, or one import of a file as the parse server knows it.", "penstock.spec.external_job"),
    Term("journal", "The steps of a change to an environment, written before they are done, so that they can be undone or finished.", "penstock_plugin_manager.apply.journal"),
    Term("judge", "The check of a manifest: every fault, with what to write instead.", "penstock_manifest.judge"),
    Term("keeper", "The process that keeps services of providers alive.", "penstock.keeper.keeper"),
    Term("keyring", "The keys that encrypt and decrypt secrets.", "penstock.store.keyring"),
    Term("kind", "What sort of thing something is: of capabilities, the table in the manifest; of frames, runs and errors, an enum.", "penstock_manifest.kinds"),
    Term("leader lock", "The lock that makes one scheduler the only one of its database.", "penstock.store.sql.leader_lock"),
    Term("lease", "The time for which a try counts as alive; it is renewed by heartbeats, and a try whose lease expires is lost.", "penstock.engine.tries"),
    Term("line", "The stream of frames between two processes.", "penstock.processes.frames"),
    Term("listener", "A provider's module that is called with every change of a run's or task's state.", "penstock.notify.listener"),
    Term("live", "Not finished: of runs, DAGs and tries that the scheduler has in memory.", "penstock.engine.live"),
    Term("loader", "The process that imports changed DAG files and stores what they define.", "penstock.load.loader"),
    Term("local executor", "The executor that runs tries in processes of this machine.", "penstock.execute.local"),
    Term("lock file", "The exact versions and hashes of an environment; also a file that one process at a time may lock.", "penstock_plugin_manager.model.lock"),
    Term("log", "What a try prints and logs.", "penstock.processes.output"),
    Term("log shipper", "The process that brings logs from this machine's files to the log store while they grow.", "penstock.logs.shipper"),
    Term("log store", "A place that keeps logs so that any machine can read them.", "penstock.spec.log_store"),
    Term("logical date", "The start of a run's data interval.", "penstock.model.run"),
    Term("lost", "How a try ends whose worker is gone; it is repeated without spending a retry.", "penstock.engine.tries"),
    Term("manifest", "A provider's `provider.toml`: what it offers, read without importing it.", "penstock_manifest"),
    Term("mapped task", "A task that has one instance for each element of a list that another task returns.", "penstock.author.mapping"),
    Term("mark", "Set the state of task instances by hand.", "penstock.model.request"),
    Term("mask", "Hide the values of secrets in what is printed or logged.", "penstock.processes.masking"),
    Term("metric", "One thing that is measured: a counter, a gauge or a timing.", "penstock.metrics.metrics_table"),
    Term("metrics sink", "A place where measurements go.", "penstock.spec.metrics_sink"),
    Term("need", "A provider that DAG files need, with the evidence.", "penstock_plugin_manager.need.match"),
    Term("net", "The host names that a test's clients reach, each served by a fake, and no others.", "penstock_testkit.saas.net"),
    Term("node", "A task of a live run in memory, with its instances.", "penstock.engine.live"),
    Term("note", "What a DAG file's author should know although the file is good; it stops nothing.", "penstock.model.source"),
    Term("notice", "A change of a state that is stored for listeners.", "penstock.model.notice"),
    Term("notifier", "The process that delivers notices to listeners and alerts to channels; also what sends the alerts of one channel.", "penstock.notify.notifier_loop"),
    Term("object store", "A service that keeps files under URLs: `file://`, `s3://`.", "penstock.spec.object_store"),
    Term("offload", "Put a large XCom into the object store and leave a reference to it.", "penstock.execute.offload"),
    Term("operator", "A class of tasks.", "penstock.author.operator"),
    Term("outage", "The time in which the database cannot be had; tries run on.", "penstock.scheduler.outage"),
    Term("outbox", "The notices and alerts that have been stored and not yet delivered.", "penstock.store.outbox"),
    Term("outcome", "How a try ended: success, failed, skipped, lost, ...", "penstock.model.state"),
    Term("params", "The parameters of a DAG, which a run may override by its `conf`.", "penstock.author.dag"),
    Term("parse server", "The process that forks one bounded process for each import of a DAG file.", "penstock.load.parse_server"),
    Term("parse session", "One import of a DAG file: the DAGs and the problems that it has brought.", "penstock.author.parse_session"),
    Term("plan", "What the plugin manager is about to change in an environment.", "penstock_plugin_manager.plan"),
    Term("plugin", "An object that is registered with pluggy: a provider's manifest, its listener, or a project's own module.", "penstock.plugins.host"),
    Term("plugin manager", "The command that installs exactly the providers that are needed.", "penstock_plugin_manager"),
    Term("poke", "One call of a sensor that asks whether it may go on.", "penstock.author.sensor"),
    Term("pool", "A number of slots that tasks of several DAGs share.", "penstock.model.dag"),
    Term("ports", "What a part needs from outside, handed in by who composes it.", "penstock.notify.delivery"),
    Term("priority", "The larger goes first among ready task instances.", "penstock.engine.limits"),
    Term("problem", "One thing that is wrong with a DAG file, with its line and what to do.", "penstock.author.parse_session"),
    Term("project", "A folder with `penstock.toml`, its DAGs and its state.", "penstock.service.project"),
    Term("provider", "A distribution that brings capabilities for a service.", "penstock_manifest.providers"),
    Term("provider package", "The distribution of a provider, `penstock-providers-ID`.", "penstock_manifest.providers"),
    Term("quarantine", "What the scheduler could not handle and has put aside with the reason, so that all else goes on.", "penstock.model.quarantine"),
    Term("question", "What a search through the vault wants to know next, of one source.", "penstock.tries.vault"),
    Term("queue", "A name by which a task chooses an executor; the settings map it.", "penstock.settings.executors"),
    Term("record", "A line of a distribution's `RECORD`: a file that it installed.", "penstock_plugin_manager.installed.site"),
    Term("recorder", "What a process measures with; it never waits.", "penstock.metrics.recorder"),
    Term("recovery", "What puts things right after a process was killed: open tries at a start, half-done changes.", "penstock.tries.recovery"),
    Term("reference", "The URL of a value in the object store, stored in place of the value.", "penstock.model.value"),
    Term("registry", "The table of what is registered under a name.", "penstock.plugins.registry"),
    Term("release", "One version of a distribution, as an index or a catalog lists it.", "penstock_plugin_manager.catalog.entry"),
    Term("reply", "The answer to an ask.", "penstock.spec.wire"),
    Term("request", "What a user wants of the scheduler: trigger, cancel, clear or mark; or all that an executor needs to run a try.", "penstock.model.request"),
    Term("requirement", "A distribution with the versions that are wanted.", "penstock_plugin_manager.model.requirement"),
    Term("resolver", "What chooses versions that fit together: uv or pip.", "penstock_plugin_manager.resolve"),
    Term("resource", "Something of which there is a limited amount: pool slots, a DAG's active tasks, an executor's capacity.", "penstock.engine.limits"),
    Term("retention", "For how long finished runs, logs and versions are kept.", "penstock.service.retention"),
    Term("retry", "A further try after a failed one.", "penstock.model.retry"),
    Term("room", "A folder of a package with the modules in it; imports between rooms go down only.", "penstock.testing.provider_rooms"),
    Term("route", "A request that a fake knows, with the function that answers it.", "penstock_testkit.saas.app"),
    Term("runner", "What runs user code in the process of a try, or a tool in a process.", "penstock.execute.runner"),
    Term("runtime", "What author code may ask for while it runs: connections, Variables, XComs, object stores.", "penstock.author.runtime"),
    Term("schedule", "When a DAG runs: a cron expression, an interval, dates, once or never.", "penstock.model.schedule"),
    Term("scheduler", "The process that feeds the engine with events, stores its changes and carries out its commands.", "penstock.scheduler.loop"),
    Term("seal", "The note in the log store that a log is whole, left once its try has ended.", "penstock.spec.log_store"),
    Term("secret", "A value that must not be shown.", "penstock.model.secret"),
    Term("secrets backend", "A place outside Penstock that connections and Variables come from; a provider brings its class.", "penstock.spec.secrets_backend"),
    Term("sensor", "A task that waits for something outside.", "penstock.author.sensor"),
    Term("series", "The values of one metric with the same tags.", "penstock.metrics.series"),
    Term("server", "A process that answers others over a connection.", "penstock.execute.spawn_server"),
    Term("service", "Every operation that a user can ask for, returning values; command line and server call it. Outside: what a hook is a client of.", "penstock.service"),
    Term("session", "What one command of the plugin manager works with; in Redshift, one connection of a client.", "penstock_plugin_manager.change.session"),
    Term("settings", "What `penstock.toml` and the environment set.", "penstock.settings"),
    Term("slot", "Room for one running task in a pool or at an executor.", "penstock.model.dag"),
    Term("snapshot", "A copy of the DAGs folder under its content hash, to which a run is pinned; of a run or an environment, how it stood at one instant.", "penstock.load.snapshot"),
    Term("source", "One of the ordered places from which connections and Variables come; also the DAG files of a snapshot.", "penstock.tries.vault_sources"),
    Term("spawn server", "The process that has imported the runtime and forks file servers.", "penstock.execute.spawn_server"),
    Term("spec", "A declaration that plugins implement, in the words of pluggy; of a DAG or task, its structure as data.", "penstock.spec"),
    Term("state", "Where a run or task instance stands; of the engine, all that it has in memory.", "penstock.model.state"),
    Term("step", "One call of the engine: events in, changes and commands out.", "penstock.engine.messages"),
    Term("store", "The database behind intent methods; nothing else has queries.", "penstock.store"),
    Term("stored plan", "The arguments of a capability's task, from which a worker builds the operator without the DAG file.", "penstock.author.run.stored_plan"),
    Term("suite", "Tests of one kind of thing, which its author inherits: ours, a provider's and a stranger's keep the same.", "penstock.testing.suites"),
    Term("supervisor", "The process of `penstock up` that restarts the others.", "penstock.processes.supervise"),
    Term("takeover", "The passing of the scheduler's role to a scheduler on another machine.", "penstock.scheduler.takeover"),
    Term("tally", "The count of a task's upstream instances by state, for its trigger rule.", "penstock.engine.graph.trigger_rules"),
    Term("task", "One node of a DAG: an operator with its arguments.", "penstock.author.operator"),
    Term("task group", "A name for several tasks of a DAG.", "penstock.author.graph.task_group"),
    Term("task instance", "A task in one run; a mapped task has one for each element.", "penstock.model.run"),
    Term("TaskFlow", "Functions as tasks, by the decorator `@task`.", "penstock.author.operators.taskflow"),
    Term("template", "Text with Jinja expressions, rendered before a try runs.", "penstock.author.run.templates"),
    Term("tenant", "A DAG as a competitor for slots; tenants of equal priority take turns.", "penstock.engine.limits"),
    Term("timetable", "The rule of a schedule that an author writes as an object, or a class that is asked for the runs to come.", "penstock.author.timetable"),
    Term("transaction", "A group of changes that the database stores as a whole or not at all.", "penstock.store.transaction"),
    Term("transfer", "An operator that moves data between two services.", "penstock_manifest.kinds"),
    Term("trial", "A provider's suites, run once with one core in an environment that is made for it.", "penstock_plugin_manager.conformance.trial"),
    Term("trigger", "Ask for a run of a DAG by hand or from another DAG.", "penstock.service.dags"),
    Term("trigger rule", "Which states of the upstream tasks let a task run.", "penstock.engine.graph.trigger_rules"),
    Term("try", "One attempt at a task instance. In the names of modules it is an attempt, because `try` is a word of Python.", "penstock.tries"),
    Term("turn", "One round of the scheduler: what has come in, one step and what follows from it, one transaction.", "penstock.scheduler.turns"),
    Term("upstream", "The tasks that come before a task; those after it are downstream.", "penstock.engine.graph.compiled"),
    Term("Variable", "A named text that is stored for DAGs and tasks.", "penstock.author.config"),
    Term("vault", "All sources of connections and Variables in their order.", "penstock.tries.vault"),
    Term("verdict", "What a trigger rule decides about a task: wait, run, skip or fail.", "penstock.engine.graph.trigger_rules"),
    Term("version", "The content of a DAG and its sources under one hash; of a distribution, its number.", "penstock.store.catalog"),
    Term("waiter", "The process in which sensors wait, and which pokes them.", "penstock.execute.sensors.waiter"),
    Term("wakeup", "The signal by which one process tells another that there is something new in the database.", "penstock.store.sql.wakeup"),
    Term("wire", "The messages that two programs exchange, and their encoding.", "penstock.spec.wire"),
    Term("worker", "A process that runs tries for an executor on any machine.", "penstock.spec.worker"),
    Term("XCom", "A value that a task returns or pushes, for tasks downstream of it.", "penstock.author.xcom_arg"),
    Term("yanked", "Taken back by its author: no solution uses such a release, a lock or an exact number may.", "penstock_plugin_manager.change.yanked"),
)  # fmt: skip

PLAIN = frozenset(Path(__file__).with_name("plain_words.txt").read_text().split())
"""Plain English, tools and formats: words that names may use besides those of the terms. A word a line, in order."""

REPLACED = {
    "accuse": "report",
    "bell": "wakeup",
    "bless": "accept",
    "book": "state",
    "bury": "finish",
    "buried": "finished",
    "carry": "execute",
    "coach": "advice",
    "courier": "delivery",
    "cuts": "branching",
    "fold": "collapse",
    "folded": "collapsed",
    "hear": "receive",
    "heard": "received, or last_heartbeat",
    "heir": "successor",
    "hungry": "idle",
    "lane": "executor",
    "obey": "apply",
    "outlook": "explain",
    "people": "requests, or users",
    "places": "paths, locations or slots",
    "poison": "rejected",
    "quick": "cache",
    "said": "message",
    "say": "log",
    "says": "message",
    "shelf": "writer",
    "spare": "prefork",
    "tell": "log, report or print",
    "tells": "reports",
    "told": "message, or declared",
    "unfold": "expand",
    "upkeep": "retention",
    "wish": "requirement",
    "wishes": "requirements",
    "workshop": "session",
    "world": "ports",
}
"""Words of an earlier dialect, and what to write instead."""

_WORD = re.compile(r"[A-Z]+[0-9]+|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")

SERVING_ROOMS = frozenset({"app", "cli", "commands", "service", "settings", "store", "testing"})
"""Rooms whose modules have the names of the rooms and things that they serve, such as ``cli.pools`` and ``service.config.pools``."""


def words(name: str) -> list[str]:
    """Split a name into its words, in lower case."""
    return [word.lower() for word in _WORD.findall(name.replace("XCom", "Xcom").replace("TaskFlow", "Taskflow"))]


def names(sources: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the names of modules, folders and classes below the packages, each with the place where it stands.

    Args:
        sources: Text of each source file by its path.
    """
    for path, text in sources.items():
        for part in _inside(path):
            yield path, part
        for node in ast.walk(parse(text)):
            if isinstance(node, ast.ClassDef):
                yield f"{path}:{node.lineno}", node.name


def unknown_words(sources: Mapping[str, str], terms: Collection[Term], plain: Collection[str]) -> Iterator[str]:
    """Words of names that are neither a term's nor plain English."""
    known = _known(terms) | set(plain)
    for place, name in names(sources):
        for word in words(name):
            if word not in known:
                yield f"{place}: {name} has the word {word!r}, which is no term of the glossary. Use a term, or add one."


def unused_plain(sources: Mapping[str, str], terms: Collection[Term], plain: Collection[str]) -> Iterator[str]:
    """Plain words that no name uses, or that are a term's."""
    used = {word for _, name in names(sources) for word in words(name)}
    for word in sorted(plain):
        if word not in used:
            yield f"no module and no class has the plain word {word!r} in its name. Remove it from the list."
        elif word in _known(terms):
            yield f"{word!r} is a word of a term. Remove it from the plain ones."


def replaced_words(name: str, text: str, replaced: Mapping[str, str]) -> Iterator[str]:
    """Words of the earlier dialect in what a file names: modules, classes, functions, parameters, variables, attributes.

    Args:
        name: Path of the file.
        text: Its content.
        replaced: What to write, by the word that is found.
    """
    found = dict.fromkeys(_inside(name), 1)
    for node in ast.walk(parse(text)):
        identifier = _defined(node)
        if identifier:
            found.setdefault(identifier, getattr(node, "lineno", 1))
    for identifier, line in found.items():
        for word in words(identifier):
            if word in replaced:
                yield f"{name}:{line} {identifier}: write {replaced[word]} in place of {word!r}."


def double_classes(sources: Mapping[str, str], allowed: Collection[str]) -> Iterator[str]:
    """Public classes of one distribution that share a name."""
    paths: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, text in sources.items():
        for node in parse(text).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name not in allowed:
                paths[_distribution(path), node.name].append(path)
    for (_, name), own in sorted(paths.items()):
        if len(own) > 1:
            yield f"{' and '.join(own)} both have a class {name}. Name each for what it is."


def double_modules(sources: Mapping[str, str], allowed: Collection[str]) -> Iterator[str]:
    """Modules of one distribution that share a name, but for those that serve other rooms."""
    paths: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in sources:
        parts = _inside(path)
        if (
            parts
            and not parts[-1].startswith("__")
            and parts[-1] not in allowed
            and not SERVING_ROOMS & set(parts[:-1])
        ):
            paths[_distribution(path), parts[-1]].append(path)
    for (_, name), own in sorted(paths.items()):
        if len(own) > 1:
            yield f"{' and '.join(own)} are both called {name}. Name each for its subject."


def missing_places(sources: Collection[str], terms: Collection[Term]) -> Iterator[str]:
    """Terms whose place is no package and no module."""
    known = {
        path.partition("src/")[2].removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in sources
    }
    for term in terms:
        if term.place not in known:
            yield f"the term {term.name!r} stands in {term.place}, which does not exist."


def page(note: str) -> str:
    """The page of the glossary."""
    lines = ["# Glossary\n", note, "One word means one thing, in the code as in these pages.\n"]
    lines += ["| term | meaning | where |", "|---|---|---|"]
    lines += [f"| {term.name} | {term.meaning} | `{term.place}` |" for term in TERMS]
    return "\n".join(lines) + "\n"


def _known(terms: Collection[Term]) -> set[str]:
    """The words of terms, in the singular and the plural."""
    singular = {word for term in terms for word in words(term.name)}
    return singular | {f"{word}s" for word in singular} | {f"{word[:-1]}ies" for word in singular if word.endswith("y")}


def _inside(path: str) -> tuple[str, ...]:
    """The parts of a path below its package, without the ending."""
    below = path.partition("src/")[2] or path
    return PurePath(below).with_suffix("").parts[1:]


def _distribution(path: str) -> str:
    return path.partition("src/")[2].partition("/")[0]


def _defined(node: ast.AST) -> str:
    """The name that a node defines; "" if it defines none."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.arg):
        return node.arg
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        return node.attr
    return ""
