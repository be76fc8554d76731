"""What is written about a module, or a name of a module, that a DAG file imports and that is not there."""

import re
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import penstock
from penstock.author.airflow.alias import ALIASES, HOMES, REMEDIES
from penstock.errors import nearest

_OURS = frozenset((*penstock.__all__, *ALIASES, *HOMES))
_ADVICE = (
    "Authoring names come from `penstock`, such as `from penstock import DAG, task, BashOperator`; "
    "those of services come with providers: plugin-manager search WORD"
)
AIRFLOW_ADVICE = f"this is not Airflow. {_ADVICE}"
_PROVIDER = re.compile(r"penstock_([a-z][a-z0-9_]*)")
_KIND = re.compile(r"(.+)(Operator|Sensor|Hook|Exception|Timetable)")
_NEAR = 0.75
"""Of names that differ before a common ending: `DateTimeSensor` is no misspelt `TimeSensor`."""


def missing(module: str, names: Iterable[str], folder: str, file: str) -> Iterator[str]:
    """Say which of the names that a file imports from a module are not there, or that the module is not; one sentence each.

    Only modules of Penstock, and those that are imported already, are asked for their names: nothing else is imported.

    Args:
        module: The module's whole name.
        names: What is imported from it; empty for the module itself.
        folder: The DAGs folder, or a snapshot of it.
        file: Path of the file within the folder.
    """
    if not _exists(module):
        yield missing_module(module, folder, file, names)
        return
    if module.partition(".")[0] == "penstock":
        import_module(module)
    loaded = sys.modules.get(module)
    for name in names if loaded is not None else ():
        if name != "*" and not hasattr(loaded, name) and not _exists(f"{module}.{name}"):
            yield missing_name(name, module, folder)


def missing_name(name: str, module: str, folder: str) -> str:
    """Say that a module has no such name, with the name that is meant in other letters' case, and what hides the right module."""
    if module.partition(".")[0] == "penstock":
        return f"the module {module!r} has no name {name!r}{_ours(name, module)}"
    near = _near(name, dir(sys.modules[module]))
    return f"the module {module!r} has no name {name!r}.{f' Did you mean {near!r}?' if near else ''}{_hidden(module, folder)}"


def missing_module(module: str, folder: str, file: str, names: Iterable[str] = ()) -> str:
    """Say that there is no such module, and what to write or install; a provider's has the command that installs it."""
    top = module.partition(".")[0]
    if top in ("airflow", "penstock"):
        ours = [name for name in names if name in _OURS]
        write = [f"Write `from penstock import {', '.join(ours)}`."] if ours else []
        others = [f"In place of {name!r}: {REMEDIES[name]}." for name in names if name in REMEDIES]
        advice = " ".join([*write, *others]) or _ADVICE
        return f"there is no module {module!r}{': this is not Airflow' if top == 'airflow' else ''}. {advice}"
    beside = PurePosixPath(file).parent
    if beside.parts and any(Path(folder, beside, each).exists() for each in (top, f"{top}.py")):
        package = ".".join(beside.parts)
        return f"there is no module {module!r} in the DAGs folder itself: write `from {package} import {top}`."
    provider = _PROVIDER.fullmatch(top)
    if provider is None or Path(folder, top).exists():
        hidden = _hidden(module, folder) if top in sys.modules else ""
        advice = hidden or " Install it in this environment, or put its file into the DAGs folder."
        return f"there is no module {module!r}.{advice}"
    if "." in module and _exists(top):
        return f"the provider {provider[1]!r} has no module {module!r}: it may be too old for this DAG."
    return (
        f"the import of {module!r} needs the provider {provider[1]!r}, which is not installed here. "
        f"Install it with: plugin-manager install {provider[1]}"
    )


def _ours(name: str, module: str) -> str:
    """What there is in place of a name that a module of ours does not have."""
    if module != "penstock" and name in _OURS:
        return f": write `from penstock import {name}`."
    if name in REMEDIES:
        return f": {REMEDIES[name]}."
    if near := _near(name, [*dir(sys.modules[module]), *((*ALIASES, *HOMES) if module == "penstock" else ())]):
        return f". Did you mean {near!r}?"
    if _KIND.fullmatch(name):
        return ". Classes of services come with providers: plugin-manager search WORD"
    return "."


def _near(name: str, known: Iterable[str]) -> str | None:
    """The known name that is meant, whatever its letters' case; of names with a common ending, what stands before it counts."""
    public = {each.lower(): each for each in known if not each.startswith("_")}
    if name.lower() in public:
        return public[name.lower()]
    if kind := _KIND.fullmatch(name):
        stems = {
            each[1].lower(): each[0] for each in map(_KIND.fullmatch, public.values()) if each and each[2] == kind[2]
        }
        near = nearest(kind[1].lower(), stems, cutoff=_NEAR)
        return stems[near[0]] if near else None
    near = nearest(name.lower(), public)
    return public[near[0]] if near else None


def _hidden(module: str, folder: str) -> str:
    """That a module is not the one of the DAGs folder, if there is one of that name, too."""
    top = module.partition(".")[0]
    loaded = str(getattr(sys.modules.get(top), "__file__", None) or "Python itself")
    if loaded.startswith(f"{folder}/") or not any(Path(folder, each).exists() for each in (top, f"{top}.py")):
        return ""
    return f" This {top!r} is that of {loaded}, which hides the one in the DAGs folder: give that another name."


def _exists(module: str) -> bool:
    """Whether there is a module, as far as that is known without importing what is not ours."""
    top, package = module.partition(".")[0], module.rpartition(".")[0]
    try:
        if package and package not in sys.modules and top != "penstock":
            return _exists(top)
        return module in sys.modules or find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):
        return False
