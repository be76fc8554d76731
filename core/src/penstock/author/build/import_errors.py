"""What an exception of a DAG file's import means to its author, and what to do about it."""

import linecache
import re
import sys
import traceback
from pathlib import Path, PurePosixPath

from penstock.author.airflow.alias import ALIASES, REMEDIES
from penstock.author.parse_session import ParseSession, Problem, Site
from penstock.errors import AuthoringError, PenstockError, nearest
from penstock.model.names import error_sentence, error_text

_HOME = str(Path(__file__).parents[2]) + "/"
_NAME = re.compile(r"cannot import name '(\w+)' from '")  # not "from partially initialized module": a circle of imports
_PROVIDER = re.compile(r"penstock_([a-z][a-z0-9_]*)")
AIRFLOW_ADVICE = (
    "this is not Airflow. Authoring names come from `penstock`, such as `from penstock import DAG, task, BashOperator`; "
    "those of services come with providers: plugin-manager search WORD"
)


def to_problem(error: BaseException, session: ParseSession, file: str) -> Problem:
    """Turn an exception of an import into a problem, at the last line of the author's files that it went through."""
    try:
        return _problem(error, session, file)
    except BaseException:  # noqa: BLE001 - the error's own code raised when it was looked at
        return Problem(Site(file, 1), error_sentence(error))


def _problem(error: BaseException, session: ParseSession, file: str) -> Problem:
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
    if isinstance(error, ImportError):
        return Problem(site, _import_problem(error, session.folder, site.file))
    if isinstance(error, SystemExit):
        return Problem(site, f"the file calls sys.exit({error.code!r}) when it is imported. Take it out.")
    if isinstance(error, AuthoringError):
        return Problem(site, "; ".join(error.problems))
    if isinstance(error, PenstockError):
        return Problem(site, str(error))
    line = linecache.getline(own[-1].filename, own[-1].lineno or 0).strip() if own else ""
    return Problem(site, error_sentence(error) + (f" (in: {line})" if line else ""))


def _import_problem(error: ImportError, folder: str, file: str) -> str:
    """What an import that failed means, and what to write."""
    text = error_text(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing(error.name, folder, file)
    if (name := _NAME.match(text)) and error.name in sys.modules:
        return _no_name(name[1], error.name) + _hidden(error.name, folder)
    if "relative import" in text:
        package = file.rpartition("/")[0].replace("/", ".")
        example = f"from {package} import NAME" if package else "from MODULE import NAME"
        return f"{text}: the file is imported by itself. Write `{example}`, as seen from the DAGs folder."
    return error_sentence(error)


def _hidden(module: str, folder: str) -> str:
    """That a module is not the one of the DAGs folder, if there is one of that name, too."""
    top = module.partition(".")[0]
    loaded = str(getattr(sys.modules.get(top), "__file__", None) or "Python itself")
    if loaded.startswith(f"{folder}/") or not any(Path(folder, each).exists() for each in (top, f"{top}.py")):
        return ""
    return f" This {top!r} is that of {loaded}, which hides the one in the DAGs folder: give that another name."


def _no_name(name: str, module: str) -> str:
    """The advice for a name that a module does not have, whatever its letters' case."""
    if module == "penstock" and name in REMEDIES:
        return f"the module {module!r} has no name {name!r}: {REMEDIES[name]}."
    known = {each.lower(): each for each in (*dir(sys.modules[module]), *ALIASES) if not each.startswith("_")}
    near = nearest(name.lower(), known)
    advice = f" Did you mean {known[near[0]]!r}?" if near else ""
    return f"the module {module!r} has no name {name!r}.{advice}"


def _missing(module: str, folder: str, file: str) -> str:
    """The advice for a module that is not there: a provider's has the command that installs it."""
    top = module.partition(".")[0]
    if top == "airflow":
        return f"there is no module {module!r}: {AIRFLOW_ADVICE}"
    beside = PurePosixPath(file).parent
    if beside.parts and any(Path(folder, beside, each).exists() for each in (top, f"{top}.py")):
        package = ".".join(beside.parts)
        return f"there is no module {module!r} in the DAGs folder itself: write `from {package} import {top}`."
    provider = _PROVIDER.fullmatch(top)
    if provider is None or Path(folder, top).exists():
        hidden = _hidden(module, folder) if top in sys.modules else ""
        advice = hidden or " Install it in this environment, or put its file into the DAGs folder."
        return f"there is no module {module!r}.{advice}"
    if "." in module:
        return f"the provider {provider[1]!r} has no module {module!r}: it may be too old for this DAG."
    return (
        f"the import of {module!r} needs the provider {provider[1]!r}, which is not installed here. "
        f"Install it with: plugin-manager install {provider[1]}"
    )
