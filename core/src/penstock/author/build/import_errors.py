"""What an exception of a DAG file's import means to its author, and what to do about it."""

import linecache
import re
import sys
import traceback
from pathlib import Path

from penstock.author.airflow.alias import ALIASES, REMEDIES
from penstock.author.parse_session import ParseSession, Problem, Site
from penstock.errors import AuthoringError, PenstockError, nearest

_HOME = str(Path(__file__).parents[2]) + "/"
_NAME = re.compile(r"cannot import name '(\w+)' from '")  # not "from partially initialized module": a circle of imports
_PROVIDER = re.compile(r"penstock_([a-z][a-z0-9_]*)")
_IMPORT_ADVICE = (
    "this is not Airflow. Authoring names come from `penstock`, such as `from penstock import DAG, task, BashOperator`; "
    "those of services come with providers: plugin-manager search WORD"
)


def to_problem(error: BaseException, session: ParseSession, file: str) -> Problem:
    """Turn an exception of an import into a problem, at the last line of the author's files that it went through."""
    if isinstance(error, SyntaxError) and error.filename:
        return Problem(
            Site(session.display_path(error.filename), error.lineno or 0), f"the file is no Python: {error.msg}."
        )
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_HOME, "<")) and "importlib" not in frame.filename
    ]
    own = [frame for frame in frames if frame.filename.startswith(session.folder + "/")] or frames
    site = Site(session.display_path(own[-1].filename), own[-1].lineno or 0) if own else Site(file, 1)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return Problem(site, _missing(error.name, session.folder))
    if isinstance(error, ImportError) and (name := _NAME.match(str(error))) and error.name in sys.modules:
        return Problem(site, _no_name(name[1], error.name))
    if isinstance(error, SystemExit):
        return Problem(site, f"the file calls sys.exit({error.code!r}) when it is imported. Take it out.")
    if isinstance(error, AuthoringError):
        return Problem(site, "; ".join(error.problems))
    if isinstance(error, PenstockError):
        return Problem(site, str(error))
    line = linecache.getline(own[-1].filename, own[-1].lineno or 0).strip() if own else ""
    return Problem(site, f"{type(error).__name__}: {error}" + (f" (in: {line})" if line else ""))


def _no_name(name: str, module: str) -> str:
    """The advice for a name that a module does not have, whatever its letters' case."""
    if module == "penstock" and name in REMEDIES:
        return f"the module {module!r} has no name {name!r}: {REMEDIES[name]}."
    known = {each.lower(): each for each in (*dir(sys.modules[module]), *ALIASES) if not each.startswith("_")}
    near = nearest(name.lower(), known)
    advice = f" Did you mean {known[near[0]]!r}?" if near else ""
    return f"the module {module!r} has no name {name!r}.{advice}"


def _missing(module: str, folder: str) -> str:
    """The advice for a module that is not there: a provider's has the command that installs it."""
    if module.partition(".")[0] == "airflow":
        return f"there is no module {module!r}: {_IMPORT_ADVICE}"
    provider = _PROVIDER.fullmatch(module.partition(".")[0])
    if provider is None or (Path(folder) / module.partition(".")[0]).exists():
        return f"there is no module {module!r}: install it in this environment, or put its file into the DAGs folder."
    if "." in module:
        return f"the provider {provider[1]!r} has no module {module!r}: it may be too old for this DAG."
    return (
        f"the import of {module!r} needs the provider {provider[1]!r}, which is not installed here. "
        f"Install it with: plugin-manager install {provider[1]}"
    )
