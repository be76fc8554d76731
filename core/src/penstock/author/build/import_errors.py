"""What an exception of a DAG file's import means to its author, and what to do about it."""

import ast
import linecache
import re
import sys
import traceback
from collections.abc import Iterator
from keyword import iskeyword
from pathlib import Path, PurePosixPath

from penstock.author.build.imports import is_taken
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
        return Problem(site, _import_problem(error, session.folder, site))
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


def _import_problem(error: ImportError, folder: str, site: Site) -> str:
    """What an import that failed means, and what to write."""
    text = error_text(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return missing_module(error.name, folder, site.file)
    if (name := _NAME.match(text)) and error.name in sys.modules:
        return missing_name(name[1], error.name, folder)
    if "relative import" in text:
        return f"{text}: {_absolute_import(folder, site)}"
    return error_sentence(error)


def _absolute_import(folder: str, site: Site) -> str:
    """Say what to write in place of a relative import that leads out of the package of its file."""
    package = PurePosixPath(site.file).parent.parts
    if unfit := [each for each in package if not each.isidentifier() or iskeyword(each)]:
        rule = "letters, digits, '_', no digit first, no word of Python's own"
        return f"nothing can be imported from a folder named {unfit[0]!r}. Rename it: {rule}."
    if package and is_taken(package[0], Path(folder)):
        return f"the folder {package[0]!r} has the name of a module that is installed. Rename it."
    for node in ast.walk(ast.parse(Path(folder, site.file).read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.level and node.lineno == site.line:
            if node.level - 1 > len(package):
                return "it leads out of the DAGs folder. Put the module into the folder, or install it."
            module = [*package[: len(package) - node.level + 1], *([node.module] if node.module else [])]
            start = f"from {'.'.join(module)} import" if module else "import"
            names = ", ".join(map(ast.unparse, node.names))
            return f"the file is imported by itself. Write `{start} {names}`, as seen from the DAGs folder."
    return "import the module by its name as seen from the DAGs folder."
