"""The forked process that imports one DAG file under limits and sends the result."""

import faulthandler
import gc
import os
import re
import resource
import signal
import socket
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import Any, NoReturn

import msgspec

from penstock.author.build.build import BuildResult, build_file
from penstock.author.build.import_errors import to_problem, to_problems
from penstock.author.build.imports import ImportRuntime, import_dag_file
from penstock.author.build.missing import AIRFLOW_ADVICE
from penstock.author.build.plan_runs import Plan, plan
from penstock.author.parse_session import ParseSession
from penstock.decoders import msgpack_decoder
from penstock.errors import MissingProviderError, NotFoundError, PluginError, RequestError, as_sentence
from penstock.load.folder import WHOLE
from penstock.load.ignore import IGNORE
from penstock.load.parse.messages import UNANSWERED, MessageKind, ParseConfig, ParseJob
from penstock.model.dag import DagSpec
from penstock.model.names import channel_problem, error_sentence
from penstock.model.schedule import ScheduleKind
from penstock.model.source import ParsedFile
from penstock.processes.bounds.memory import limit_memory
from penstock.processes.frames import Frame, FrameSocket
from penstock.processes.group import report_where
from penstock.spec.wire import Ask, Reply
from penstock_manifest.format import Capability

_MARGIN_S = 5
_MAKES_DAGS = re.compile(r"\bDAG\s*\(|^\s*@dag\b", re.MULTILINE)
_IMPORTED = re.compile(r"^[ \t]*(?:from|import)[ \t]+(\w+)", re.MULTILINE)
_COMPILED = re.compile(r"__pycache__/([^/]+?)\.[^/]*\.pyc$")


_encode = msgspec.msgpack.Encoder().encode
_decode_job = msgpack_decoder(ParseJob).decode
_decode_reply = msgpack_decoder(Reply).decode


def prepare_for_children() -> None:
    """Do what children of this process inherit, and need not do themselves: each would copy pages for it."""
    faulthandler.enable(file=2)
    report_where()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def run_child(config: ParseConfig, sock: socket.socket) -> NoReturn:
    """Import one file in this process, which was forked for it, and leave it.

    Args:
        config: Bounds, and what is installed.
        sock: Blocking stream socket to the server, which sends the job.
    """
    line = FrameSocket(sock)
    frames: list[Frame] | None = []
    while frames == []:
        frames = line.receive()
    if frames is None:
        os._exit(0)
    _, serial, payload = frames[0]
    line.send(MessageKind.BEGUN, serial)
    job = _decode_job(payload)
    memory = _bound(config)
    result = _encoded(job, _import(job, config, _LoaderRuntime(line, serial), memory))
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):  # the file may have put anything there
            stream.flush()
    line.send(MessageKind.RESULT, serial, result)
    os._exit(0)


def _encoded(job: ParseJob, result: ParsedFile) -> bytes:
    """The result as it travels; a problem of the file if it holds what no message can."""
    try:
        return _encode(result)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        names = ", ".join(str(dag.dag_id) for dag in result.dags)
        problem = f"{job.file}:1: what it defines ({names}) cannot be stored: {as_sentence(error_sentence(error))}"
        return _encode(job.parsed(problems=(problem,), variables=result.variables))


def _bound(config: ParseConfig) -> tuple[int, int]:
    """Put bounds on memory and time; returns the memory bounds as they were.

    The server kills a child that takes too long. The alarm and the bound on CPU time are for a server that is gone.
    """
    signal.setitimer(signal.ITIMER_REAL, config.timeout_s + _MARGIN_S)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    cpu = int(config.timeout_s) + _MARGIN_S
    resource.setrlimit(resource.RLIMIT_CPU, (cpu if most == resource.RLIM_INFINITY else min(cpu, most), most))
    return limit_memory(config.memory_mb)


def _import(job: ParseJob, config: ParseConfig, runtime: "_LoaderRuntime", memory: tuple[int, int]) -> ParsedFile:
    started = perf_counter()
    sys.dont_write_bytecode = True
    gc.enable()
    sources = _Sources(job.folder)
    session = ParseSession(str(Path(job.folder) / job.file), job.folder, capabilities=CapabilityIndex(config))
    sys.addaudithook(sources)
    sys.meta_path.append(sources)
    try:
        import_dag_file(Path(job.folder), job.file, runtime, session)
    except MemoryError:
        resource.setrlimit(resource.RLIMIT_AS, memory)
        return job.parsed(problems=(_too_much_memory(job.file, config),), variables=runtime.read)
    except BaseException as error:  # noqa: BLE001 - whatever a DAG file raises is a problem of that file
        session.problems += to_problems(error, session, job.file)
    resource.setrlimit(resource.RLIMIT_AS, memory)
    gc.disable()  # what is left to do makes no garbage
    try:
        built = build_file(session, job.file)
    except BaseException as error:  # noqa: BLE001 - objects of the author's own are looked at here
        built = BuildResult((), (str(to_problem(error, session, job.file)),))
    notes = built.notes if built.dags or built.problems else (*built.notes, *_no_dags(job))
    notes = (*notes, *_unknown_channels(built.dags, config.channels, job.file))
    planned = _plan(session, built, job, config)
    refreshes = [each for each in (session.refresh_s, planned.refresh_s) if each is not None]
    parsed = job.parsed(
        dags=() if planned.problems else built.dags,
        problems=(*built.problems, *planned.problems),
        notes=notes,
        sources=sources.seen,
        variables=runtime.read,
        refresh_s=min(refreshes, default=None),
        duration_s=perf_counter() - started,
    )
    return msgspec.structs.replace(parsed, planned=planned.runs)


def _unknown_channels(dags: Iterable[DagSpec], channels: Collection[str], file: str) -> Iterator[str]:
    """Note alerts that go nowhere; the DAG is taken, for what it does does not depend on who is told of it."""
    for dag in dags:
        rules = [(1, rule) for rule in dag.alerts]
        rules += [(task.line, rule) for task in dag.tasks for rule in task.alerts]
        for line, rule in rules:
            yield from (
                f"{file}:{line}: DAG {dag.dag_id!r}, alerts: {fault}"
                for name in rule.to
                if (fault := channel_problem(name, channels))
            )


def _plan(session: ParseSession, built: BuildResult, job: ParseJob, config: ParseConfig) -> Plan:
    """Ask the timetables of the file, which are its author's code, within its bound of memory."""
    if all(dag.schedule.kind is not ScheduleKind.TIMETABLE for dag in built.dags):
        return Plan({})
    before = limit_memory(config.memory_mb)
    try:
        return plan(session, built.dags, job.cursors, job.at)
    except MemoryError:
        resource.setrlimit(resource.RLIMIT_AS, before)
        return Plan({}, (_too_much_memory(job.file, config),))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _no_dags(job: ParseJob) -> Iterator[str]:
    """Note that a file gave no DAG although it makes some, and which modules it misses."""
    text = Path(job.folder, job.file).read_text(encoding="utf-8", errors="replace")
    if not _MAKES_DAGS.search(text):
        return
    missing = [name for name in dict.fromkeys(_IMPORTED.findall(text)) if name not in sys.modules and not _exists(name)]
    why = f" It imports {missing[0]!r}, which is not installed here." if missing else ""
    if "airflow" in missing:
        why = f" It imports 'airflow': {AIRFLOW_ADVICE}."
    yield f"{job.file}:1: it speaks of DAGs and defines none.{why} If it is to define none, name it in {IGNORE}."


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _too_much_memory(file: str, config: ParseConfig) -> str:
    """Build the sentence for a file whose import needs too much memory."""
    return (
        f"{file}:1: its import needs more than {config.memory_mb} MB of memory. "
        "Load data inside tasks, not while the file is imported; the bound is memory_mb in [loader]."
    )


class _LoaderRuntime(ImportRuntime):
    """The runtime of an import: Variables are asked of the loader and noted."""

    def __init__(self, line: FrameSocket, serial: int) -> None:
        self._line, self._serial = line, serial
        self.read: dict[str, str | None] = {}
        self._errors: dict[str, str] = {}

    def variable(self, key: str) -> str | None:
        """Read a Variable; it is the same text however often it is read.

        Raises:
            RequestError: The loader is gone, or cannot answer.
        """
        if key not in self.read:
            self._line.send(MessageKind.ASK, self._serial, _encode(Ask("variable", (key,))))
            replies: list[Frame] | None = []
            while replies == []:
                replies = self._line.receive()
            if replies is None:
                raise RequestError(f"Variable {key!r} cannot be read: the loader is gone.")
            reply = _decode_reply(replies[0][2])
            self.read[key] = UNANSWERED if reply.error else reply.value
            self._errors[key] = reply.error
        if self._errors[key]:
            raise RequestError(self._errors[key])
        return self.read[key]


class _Sources:
    """An audit hook that notes which files of a folder are read, and which of its folders are listed.

    What is missed there is noted, too: the file that looked for it is imported again once it has come. As the last of the finders
    of modules it hears of those that no other one has.
    """

    def __init__(self, folder: str) -> None:
        self._prefix = folder.rstrip("/") + "/"
        self.seen: set[str] = set()

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            self._note(args[0], "")
        elif event in ("os.listdir", "os.scandir"):
            caller: FrameType | None = sys._getframe(1)  # noqa: SLF001 - who lists: the import system does for every import
            if caller is not None and "importlib" not in caller.f_code.co_filename:
                self._note(args[0] if args and args[0] is not None else ".", "/")

    def find_spec(self, name: str, path: Iterable[object] | None = None, target: object = None) -> None:  # noqa: ARG002 - as it is called
        """Note where a module would be; there is none."""
        module = name.rpartition(".")[2]
        for folder in sys.path if path is None else path:
            if isinstance(folder, str):
                self._note(os.path.join(folder, f"{module}.py"), "")  # noqa: PTH118 - as in `_note`
                self._note(os.path.join(folder, module, "__init__.py"), "")  # noqa: PTH118

    def _note(self, path: object, mark: str) -> None:
        if not isinstance(path, str | Path):
            return
        full = os.path.abspath(path) + mark  # noqa: PTH100 - resolving links would leave the folder
        if full.startswith(self._prefix):
            # What was compiled before is read in place of its source.
            self.seen.add(_COMPILED.sub(r"\1.py", full.removeprefix(self._prefix)) or WHOLE)


class CapabilityIndex:
    """The capabilities of the installed providers by their ids, as a DAG file names them."""

    def __init__(self, config: ParseConfig) -> None:
        self._providers, self._folder = config.providers, config.folder
        self._declared: Mapping[str, Capability] = {each.id: each for each in config.capabilities}

    def __call__(self, capability_id: str) -> Capability:
        """Find a capability.

        Raises:
            MissingProviderError: Its provider is not installed.
            NotFoundError: The provider has no such capability.
        """
        declared = self._declared.get(capability_id)
        if declared is None:
            provider = capability_id.partition(".")[0]
            if provider not in self._providers:
                raise MissingProviderError(provider, f"The capability {capability_id!r}")
            raise NotFoundError("operator, sensor or timetable of a provider", capability_id, self._declared)
        return declared

    def load(self, capability: Capability) -> Any:  # noqa: ANN401 - any object
        """Import the object of a capability; modules of the project lie in its folder.

        Raises:
            PluginError: It cannot be imported.
        """
        if self._folder and self._folder not in sys.path:
            sys.path.append(self._folder)
        module, _, attribute = capability.object.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except Exception as error:
            raise PluginError(
                f"importing {capability.object!r} of {capability.id!r} raised {as_sentence(error_sentence(error))} "
                f"See: penstock providers show {capability.id.partition('.')[0]}"
            ) from error
