"""The checks of what a provider imports: nothing heavy, nothing slow, nothing undeclared, and nothing that reaches out."""

import ast
import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping

import importlib_metadata

from penstock.testing.provider_checks import Subject
from penstock.testing.suites.process_output import run_process

IMPORT_MS = 300.0
"""Milliseconds of processor time that the module of one capability may take to import, above the core's own."""

_TRIES = 3
_SECONDS = 60
_MARK = "penstock-suite: "
_REACHING = (
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind", "socket.sendto",
    "subprocess.Popen", "os.fork", "os.forkpty", "os.system", "os.exec", "os.posix_spawn",
    "os.putenv", "os.unsetenv", "os.chdir", "os.mkdir", "os.remove", "os.rename",
)  # fmt: skip
"""Audit events (https://docs.python.org/3/library/audit_events.html) of what an import must not do, besides writing files."""

_CORE = """
import penstock, msgspec, pluggy, penstock_manifest.providers, penstock.spec.plugin, penstock.spec.fields, penstock.spec.object_store
import penstock.spec.executor
from penstock import Hook, Operator, Sensor
"""

_IMPORT_ALL = (
    "import importlib, json, logging, os, pkgutil, signal, sys, threading, warnings\nsys.dont_write_bytecode = True\n"
    + _CORE
    + """
reached, importing = [], [""]
def watch(event, arguments):
    if event in {events!r} or event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        reached.append([importing[0], event])
        raise OSError("an import does not reach out")
def shared():
    return {{
        "signal handlers": [signal.getsignal(each) for each in signal.valid_signals()],
        "the root logger": [logging.root.level, *logging.root.handlers],
        "sys.path": [*sys.path], "sys.excepthook": sys.excepthook, "the running threads": threading.enumerate(),
        "warning filters": [*warnings.filters],
    }}
old = shared()
before = set(sys.modules)
sys.addaudithook(watch)
for top in {imports!r}:
    importing[0] = top
    package = importlib.import_module(top)
    for module in pkgutil.walk_packages(getattr(package, "__path__", []), top + "."):
        importing[0] = module.name
        importlib.import_module(module.name)
known = {{name.partition(".")[0] for name in before}} | set(sys.stdlib_module_names) | {{*{imports!r}}}
found = {{name.partition(".")[0] for name in set(sys.modules)}} - known
print({mark!r} + json.dumps([sorted(found), reached, [name for name, value in shared().items() if value != old[name]]]), flush=True)
"""
)

_IMPORT_EACH = (
    "import importlib, json, os, time\n"
    + _CORE
    + """
def cost(module):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            began = time.process_time()
            importlib.import_module(module)
            os.write(writing, str((time.process_time() - began) * 1000).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        took = answer.read()
    os.waitpid(child, 0)
    return float(took or "inf")
costs = {{}}
for module in {modules!r}:
    for _ in range({tries!r}):
        costs[module] = min(cost(module), costs.get(module, float("inf")))
        if costs[module] <= {most!r}:
            break
print({mark!r} + json.dumps(costs), flush=True)
"""
)


def import_problems(subject: Subject) -> list[str]:
    """Foreign modules that an import of the provider's modules brings along, and what it does beyond importing.

    SDKs must be imported on first use; connections and processes are for tasks.
    """
    if subject.manifest is None:
        return []
    done, failure = _python(_IMPORT_ALL.format(imports=list(subject.manifest.imports), mark=_MARK, events=_REACHING))
    if failure:
        return [f"importing its modules fails: {failure}"]
    foreign, reached, changed = json.loads(done)
    problems = [f"importing its modules imports {name}" for name in foreign]
    problems += [f"importing its modules changes {name}, which all in the process share" for name in changed]
    return problems + [f"importing {module} reaches out ({event})" for module, event in reached]


def cost_problems(subject: Subject) -> list[str]:
    """Modules of capabilities whose import takes longer than `IMPORT_MS`; the best of three counts.

    Each import is made in a fork of one interpreter that has imported the core. One that fails has no cost: the check of imports tells why.
    """
    modules = {each.object.partition(":")[0] for each in subject.manifest.capabilities} if subject.manifest else set()
    code = _IMPORT_EACH.format(modules=sorted(modules), tries=_TRIES, most=IMPORT_MS, mark=_MARK)
    done, failure = _python(code, _SECONDS * (len(modules) + 1))
    return [
        f"importing {module} takes {took:.0f} ms above the core; {IMPORT_MS:.0f} ms are allowed"
        for module, took in (json.loads(done) if not failure else {}).items()
        if IMPORT_MS < took < float("inf")
    ]


def dependency_problems(subject: Subject) -> list[str]:
    """Imports of distributions that the provider's own does not declare: they are there by chance."""
    imported = dict(_foreign(subject))
    if not imported:
        return []
    declared = {
        _normal(found.group())
        for each in importlib_metadata.requires(subject.found.distribution) or ()
        if (found := re.match(r"[A-Za-z0-9._-]+", each))
    }
    owners = _owners(tuple(sys.path))
    return [
        f"{where} imports {name}, which no declared dependency of {subject.found.distribution} brings"
        for name, where in sorted(imported.items())
        if not declared & {_normal(each) for each in owners.get(name, [name])}
    ]


@functools.cache
def _owners(path: tuple[str, ...]) -> Mapping[str, list[str]]:
    """Which distributions bring a package; all that are installed on a path are read for it, once for all providers."""
    del path
    return importlib_metadata.packages_distributions()


def _foreign(subject: Subject) -> Iterator[tuple[str, str]]:
    """Top-level packages that the provider's source imports and that are neither Python's, Penstock's nor its own, and where."""
    own = {"penstock", *(subject.manifest.imports if subject.manifest else ())}
    for file in sorted(subject.package.rglob("*.py"), reverse=True):
        tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
        for_checkers = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            for top in {name.partition(".")[0] for name in names if node not in for_checkers}:
                is_sibling = top.startswith("penstock_")  # the check of rooms tells
                if top not in own and top not in sys.stdlib_module_names and not is_sibling:
                    yield top, f"{file.relative_to(subject.package).as_posix()}:{getattr(node, 'lineno', 0)}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _python(code: str, seconds: int = _SECONDS) -> tuple[str, str]:
    """What code says of itself in a fresh interpreter behind `_MARK`, whatever else is printed; or why it came to no end."""
    try:
        done = run_process([sys.executable, "-c", code], seconds)
    except subprocess.TimeoutExpired:
        return "", f"it does not end within {seconds} s"
    messages = [line.removeprefix(_MARK) for line in done.output.splitlines() if line.startswith(_MARK)]
    if messages:
        return messages[-1], ""
    return "", (done.errors.strip().splitlines() or [f"it ended the interpreter with {done.code}"])[-1]
