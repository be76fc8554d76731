"""The checks of what a provider imports: nothing heavy, nothing slow, nothing undeclared, and nothing that reaches out."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator

import importlib_metadata

from penstock.testing.provider_checks import Subject

IMPORT_MS = 300.0
"""Milliseconds of processor time that the module of one capability may take to import, above the core's own."""

_TRIES = 3
_SECONDS = 60

_CORE = """
import penstock, msgspec, pluggy, penstock_manifest.providers, penstock.spec.plugin, penstock.spec.fields, penstock.spec.object_store
import penstock.spec.executor
from penstock import Hook, Operator, Sensor
"""

_IMPORT_ALL = (
    "import importlib, json, pkgutil, sys\n"
    + _CORE
    + """
reached, importing = [], [""]
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto", "subprocess.Popen", "os.fork", "os.system"):
        reached.append([importing[0], event])
        raise OSError("an import does not reach out")
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
print(json.dumps([sorted(found), reached]))
"""
)

_IMPORT_ONE = (
    "import importlib, sys, time\n"
    + _CORE
    + """
began = time.process_time()
importlib.import_module({module!r})
print((time.process_time() - began) * 1000)
"""
)


def import_problems(subject: Subject) -> list[str]:
    """Foreign modules that an import of the provider's modules brings along, and what it does beyond importing.

    SDKs must be imported on first use; connections and processes are for tasks.
    """
    if subject.manifest is None:
        return []
    done = _python(_IMPORT_ALL.format(imports=list(subject.manifest.imports)))
    if isinstance(done, str):
        return [f"importing its modules fails: {done}"]
    foreign, reached = json.loads(done[-1])
    problems = [f"importing its modules imports {name}" for name in foreign]
    return problems + [f"importing {module} reaches out ({event})" for module, event in reached]


def cost_problems(subject: Subject) -> list[str]:
    """Modules of capabilities whose import takes longer than `IMPORT_MS`; the best of three in fresh interpreters counts."""
    modules = {each.object.partition(":")[0] for each in subject.manifest.capabilities} if subject.manifest else set()
    problems = []
    for module in sorted(modules):
        took = float("inf")
        for _ in range(_TRIES):
            done = _python(_IMPORT_ONE.format(module=module))
            if isinstance(done, str):
                break  # the check of imports tells why
            took = min(took, float(done[-1]))
            if took <= IMPORT_MS:
                break
        if IMPORT_MS < took < float("inf"):
            problems.append(f"importing {module} takes {took:.0f} ms above the core; {IMPORT_MS:.0f} ms are allowed")
    return problems


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
    owners = importlib_metadata.packages_distributions()
    return [
        f"{where} imports {name}, which no declared dependency of {subject.found.distribution} brings"
        for name, where in sorted(imported.items())
        if not declared & {_normal(each) for each in owners.get(name, [name])}
    ]


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


def _python(code: str) -> list[str] | str:
    """The lines that code prints in a fresh interpreter; the last line of its error if it fails."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"it does not end within {_SECONDS} s"
    if done.returncode or not done.stdout:
        return (done.stderr.strip().splitlines() or [f"it ended the interpreter with {done.returncode}"])[-1]
    return done.stdout.splitlines()
