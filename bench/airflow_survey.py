"""What stops DAG files that others wrote for Airflow: ``python bench/airflow_survey.py FOLDER...``.

Nothing of a file is run and nothing kept: its imports and the arguments of its DAGs, tasks and default_args are read, and held against
the table of docs/how-to/come-from-airflow.md and what Penstock takes. Printed are the shares of files without a blocker in core, and
each blocker with how many files have it. A vendor's operators are no blocker of core: they come with providers.
"""

import argparse
import ast
import fnmatch
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from airflow_examples import PAGE, modules

import penstock
from penstock.author.airflow.alias import ALIASES, HOMES
from penstock.author.airflow.arguments import NOTED, RENAMED, is_harmless
from penstock.author.construct.signature import accepted_arguments, takes_any

_VARIANTS = {
    "bash": "BashOperator",
    "branch": "BranchPythonOperator",
    "external_python": "ExternalPythonOperator",
    "sensor": "PythonSensor",
    "short_circuit": "ShortCircuitOperator",
    "virtualenv": "PythonVirtualenvOperator",
}
_DATES = ("start_date", "end_date")
_CORE_PROVIDERS = ("standard", "common", "smtp")
# Airflow 1.10 kept vendors' classes beside its own: `airflow.hooks.S3_hook`, `airflow.operators.docker_operator`.
_OLD_MODULE = re.compile(r"airflow\.(?:hooks|operators|sensors)\.(\w+?)_(?:hook|operator|sensor)s?")
_OWN_MODULES = frozenset(
    {
        "base",
        "bash",
        "branch",
        "dagrun",
        "date_time",
        "dummy",
        "email",
        "external_task",
        "latest_only",
        "python",
        "subdag",
        "time",
        "weekday",
    }
)


def blockers(text: str, table: dict[str, str]) -> set[str]:
    """Find what stops a DAG file, each as a short name."""
    tree = ast.parse(text)
    names: dict[str, str] = {}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {f"import {each.name}" for each in node.names if each.name.partition(".")[0] == "airflow"}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "airflow":
            found |= set(_missing_names(node, table, names))
    found |= {each for node in ast.walk(tree) if isinstance(node, ast.Call) for each in _wrong_arguments(node, names)}
    return found


def _missing_names(node: ast.ImportFrom, table: dict[str, str], names: dict[str, str]) -> Iterator[str]:
    """Find the imported names that are not here; those that are become known by how the file calls them."""
    module = str(node.module)
    vendor = module.split(".")[2] if module.startswith("airflow.providers.") else ""
    old = _OLD_MODULE.fullmatch(module)
    vendors = (
        vendor and vendor not in _CORE_PROVIDERS,
        module.startswith("airflow.contrib"),
        old and old[1] not in _OWN_MODULES,
    )
    if any(vendors):
        return
    home = any(fnmatch.fnmatchcase(module, pattern) for pattern in table)
    for each in node.names:
        known = each.name in penstock.__all__ or each.name in ALIASES or each.name in HOMES
        if home and known:
            names[each.asname or each.name] = each.name
        else:
            yield f"{module}.{each.name}" if not home else each.name


def _wrong_arguments(node: ast.Call, names: dict[str, str]) -> Iterator[str]:
    """Find the arguments of a call of a known name that are refused with the value that stands there."""
    called = node.func
    name = ""
    if isinstance(called, ast.Name):
        name = {"dag": "DAG", "task": "PythonOperator"}.get(names.get(called.id, ""), names.get(called.id, ""))
    elif (
        isinstance(called, ast.Attribute)
        and isinstance(called.value, ast.Name)
        and names.get(called.value.id) == "task"
    ):
        name = _VARIANTS.get(called.attr, "")
        if not name:
            yield f"@task.{called.attr}"
    thing = getattr(penstock, name, None) if name else None
    if not isinstance(thing, type) or takes_any(thing) or thing is penstock.Param:
        return
    for keyword in node.keywords:
        if keyword.arg == "default_args" and isinstance(keyword.value, ast.Dict):
            yield from _wrong_defaults(keyword.value)
        elif keyword.arg and _is_refused(keyword.arg, keyword.value, thing):
            yield f"{name if name == 'DAG' else 'task'}({keyword.arg}=)"


def _wrong_defaults(given: ast.Dict) -> Iterator[str]:
    for key, value in zip(given.keys, given.values, strict=True):
        name = key.value if isinstance(key, ast.Constant) else ""
        if isinstance(name, str) and name and name not in _DATES and _is_refused(name, value, penstock.Operator):
            yield f"task({name}=)"


def _is_refused(name: str, value: ast.expr, thing: type) -> bool:
    known = accepted_arguments(thing)
    if name in known or RENAMED.get(name) in known or name in NOTED:
        return False
    try:
        return not is_harmless(name, ast.literal_eval(value))
    except ValueError:
        return True  # what it holds is not known


def main() -> int:
    """Read the files, and print what stops them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="+", help="folders with DAG files")
    parser.add_argument("--least", type=float, default=0.75, help="share of files without a blocker in core")
    parser.add_argument("--show", action="store_true", help="name the blockers of each file")
    options = parser.parse_args()
    table = modules(PAGE.read_text())
    counted: Counter[str] = Counter()
    free = read = 0
    for path in sorted(each for folder in options.folder for each in folder.rglob("*.py")):
        try:
            found = blockers(path.read_text(), table)
        except (SyntaxError, UnicodeDecodeError):
            continue  # no file of Python 3
        read, free = read + 1, free + (not found)
        counted.update(found)
        if options.show and found:
            print(f"{path}: {', '.join(sorted(found))}")
    print(f"{free} of {read} files have no blocker in core ({free / max(1, read):.0%})")
    for name, number in counted.most_common():
        print(f"{number:5} {name}")
    return 0 if read and free / read >= options.least else 1


if __name__ == "__main__":
    raise SystemExit(main())
