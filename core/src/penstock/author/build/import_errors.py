"""What an exception of a DAG file's import means to its author, and what to do about it."""

import ast
import linecache
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from penstock.author.build.missing import missing, missing_module, missing_name
from penstock.author.parse_session import ParseSession, Problem, Site
from penstock.errors import AuthoringError, PenstockError
from penstock.model.names import error_sentence, error_text

_HOME = str(Path(__file__).parents[2]) + "/"
_NAME = re.compile(r"cannot import name '(\w+)' from '")  # not "from partially initialized module": a circle of imports


def to_problems(error: BaseException, session: ParseSession, file: str) -> list[Problem]:
    """Turn an exception of an import into problems: where an import statement failed, all of that file that would fail, too."""
    problem = to_problem(error, session, file)
    if not isinstance(error, ImportError):
        return [problem]
    others = list(_failing_imports(session.folder, problem.site.file))
    if problem.site in {other.site for other in others}:
        return others
    return [problem, *others]


def _failing_imports(folder: str, file: str) -> Iterator[Problem]:
    """What is wrong with the import statements at a file's left margin: those below `if` and `try` may never run."""
    try:
        tree = ast.parse(Path(folder, file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in tree.body:
        wanted: list[tuple[str, list[str]]] = []
        if isinstance(node, ast.Import):
            wanted = [(alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            wanted = [(node.module, [alias.name for alias in node.names])]
        for module, names in wanted:
            yield from (Problem(Site(file, node.lineno), text) for text in missing(module, names, folder, file))


def to_problem(error: BaseException, session: ParseSession, file: str, made: Site | None = None) -> Problem:
    """Turn an exception of an import into a problem, at the last line of the author's files that it went through.

    Args:
        error: What was raised.
        session: The session of the import.
        file: The file that is imported.
        made: Where the thing was made at which it was raised, which is told if it went through no line of the author's.
    """
    made = made or Site(file, 1)
    try:
        return _problem(error, session, made)
    except BaseException:  # noqa: BLE001 - the error's own code raised when it was looked at
        return Problem(made, error_sentence(error))


def _problem(error: BaseException, session: ParseSession, made: Site) -> Problem:
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
    site = Site(session.display_path(own[-1].filename), own[-1].lineno or 0) if own else made
    if isinstance(error, ImportError):
        return Problem(site, _import_problem(error, session.folder, site.file))
    if isinstance(error, AttributeError) and error.obj is sys.modules["penstock"]:
        return Problem(site, missing_name(error.name or "", "penstock", session.folder))
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
        return missing_module(error.name, folder, file)
    if (name := _NAME.match(text)) and error.name in sys.modules:
        return missing_name(name[1], error.name, folder)
    if "relative import" in text:
        place = file.rpartition("/")[0]
        if unfit := [each for each in place.split("/") if place and not each.isidentifier()]:
            return f"{text}: nothing can be imported from a folder named {unfit[0]!r}. Rename it: letters, digits, '_' and no digit first."
        package = place.replace("/", ".")
        example = f"from {package} import NAME" if package else "from MODULE import NAME"
        return f"{text}: the file is imported by itself. Write `{example}`, as seen from the DAGs folder."
    return error_sentence(error)
