"""Generations: a change builds a new environment beside the old one and swaps one pointer.

``.venv`` is a symbolic link into ``.venv.generations``, where ``0001``, ``0002``, ... are whole environments. The journal
``.venv.generations/journal.json`` has one phase at a time:

``building``    the new generation is half made; it is thrown away
``committing``  it is proven; the pointer is swapped, the project's files are written, then the journal goes
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from penstock_plugin_manager.apply.change import STATE_FILE, Change, check
from penstock_plugin_manager.apply.files import (
    cannot_write,
    read_json,
    write_json,
)
from penstock_plugin_manager.apply.install import install
from penstock_plugin_manager.apply.journal import Journal
from penstock_plugin_manager.apply.linking import plant
from penstock_plugin_manager.errors import ManagerError, MissingError, UnverifiedError
from penstock_plugin_manager.index.sources import Sources
from penstock_plugin_manager.installed.environment import Environment, isolated_pythons, open_environment
from penstock_plugin_manager.installed.locate import ISOLATED_FILE
from penstock_plugin_manager.installed.site import distributions
from penstock_plugin_manager.model.intent import FILE, own_part
from penstock_plugin_manager.resolve.request import Resolver

RECORD = "generation.json"
KEEP = 5


class Generation(NamedTuple):
    """One state of an environment that can be returned to."""

    number: int
    title: str
    created: str
    current: bool
    packages: dict[str, str]
    files: dict[str, str | None]


def base_python(environment: Environment) -> str:
    """Return the interpreter that an environment was made from.

    Raises:
        MissingError: it is gone.
    """
    names = [f"python{environment.short_version}", "python3", "python", "python.exe"]
    for name in names:
        path = Path(environment.base) / name
        if path.is_file():
            return str(path)
    raise MissingError(
        f"The Python in {environment.base or 'an unknown folder'}, from which {environment.root} was made, is gone.",
        "Install it again, or make the environment anew: plugin-manager init",
    )


def first_generation(root: Path, base: str, resolver: Resolver, files: dict[str, str | None]) -> Environment:
    """Make an environment with generations whose first one is empty.

    Raises:
        ManagerError: something stands in the way.
    """
    if root.exists() or root.is_symlink():
        raise ManagerError(f"{root} exists already.", "Turn it into generations with: plugin-manager init --adopt")
    store = _store(root)
    _make_store(store)
    number = _next(store)
    Journal(store).write("building", "init", number=number)
    resolver.create(str(_folder(store, number)), base)
    made = open_environment(str(_folder(store, number)))
    _record(made, number, "init", _named(root, files))
    _commit(root, files, _prepare(root, number, "init", files))
    return open_environment(str(root))


def adopt(environment: Environment, files: dict[str, str | None]) -> Environment:
    """Turn a plain environment into the first generation of itself.

    The folder is moved, and a link takes its place, so that commands with the old path in their first line still work.
    """
    root, store = Path(environment.root), _store(Path(environment.root))
    _make_store(store)
    number = _next(store)
    _record(environment, number, "adopted", _named(root, files))
    journal = Journal(store)
    journal.write("adopting", "init --adopt", number=number, files={})
    root.rename(_folder(store, number))
    _point(root, number)
    journal.close()
    return open_environment(str(root))


def change_generation(change: Change, environment: Environment, resolver: Resolver, sources: Sources) -> int:
    """Build the next generation, prove it and make it the current one.

    Returns:
        Its number.

    Raises:
        ManagerError: it could not be built or does not work; the current generation is untouched.
    """
    root = Path(environment.root)
    store = _store(root)
    number = _next(store)
    folder = _folder(store, number)
    journal = Journal(store)
    journal.write("building", change.title, number=number)
    try:
        resolver.create(str(folder), base_python(environment))
        made = open_environment(str(folder))
        install(change.complete, change.complete, change.removals, made, resolver, sources)
        change.judge(made)
        if change.isolated:
            write_json(Path(made.root) / ISOLATED_FILE, dict(change.isolated))
        write_json(Path(made.state) / STATE_FILE, {"schema": 1, "brought": sorted(change.brought)})
        plant(made, environment)
        _record(made, number, change.title, _named(root, dict(change.files)))
        staged = _prepare(root, number, change.title, dict(change.files))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        journal.close()
        raise
    _commit(root, dict(change.files), staged)
    _retire(root, store)
    retire_isolated(environment)
    return number


def amend(environment: Environment, title: str, files: dict[str, str | None]) -> None:
    """Let the current generation remember a change to the project's files, so that a return to it brings them back."""
    path = Path(os.path.realpath(environment.root)) / ".penstock" / RECORD
    data = read_json(path)
    if data is not None:
        root = Path(environment.root)
        remembered = {**data["files"], **_named(root, files)}
        write_json(path, {**data, "title": f"{data['title']}; {title}", "files": remembered}, private=True)


def _named(root: Path, files: dict[str, str | None]) -> dict[str, str | None]:
    """Return what a generation remembers of files, by their paths from the environment's folder, so that the project may move."""
    return {
        os.path.relpath(name, root.parent): own_part(text, name) if text and Path(name).name == FILE else text
        for name, text in files.items()
    }


def recover_generations(environment_root: Path) -> str:
    """Finish or clean up what an interrupted manager left; the caller holds the lock.

    Returns:
        A sentence on what was done, or an empty string where nothing was left.
    """
    store = _store(environment_root)
    journal = Journal(store)
    found = journal.read()
    if found is None:
        return ""
    number, title, phase = found.get("number", 0), found.get("title", "a change"), found.get("phase")
    folder = _folder(store, number)
    if phase == "building":
        shutil.rmtree(folder, ignore_errors=True)
        journal.close()
        return f"An interrupted `{title}` was thrown away; the environment is as it was before."
    if phase == "adopting" and not folder.exists():
        journal.close()
        return f"An interrupted `{title}` had not begun; the environment is as it was before."
    _point(environment_root, number)
    journal.finish(found.get("files", {}))
    return f"An interrupted `{title}` had already been proven; it is finished now."


def history(environment: Environment) -> list[Generation]:
    """Return the generations, oldest first."""
    root = Path(environment.root)
    store = _store(root)
    current = Path(os.path.realpath(root)).name
    found = []
    for folder in sorted(store.glob("[0-9]*")):
        data = read_json(folder / ".penstock" / RECORD)
        if data is not None:
            files = {os.path.normpath(root.parent / name): text for name, text in data["files"].items()}
            found.append(_generation({**data, "files": files}, current=folder.name == current))
    return found


def roll_back(
    environment: Environment, chosen: Generation, files: dict[str, str | None], *, as_it_is: bool = False
) -> None:
    """Make another generation the current one, and its intent and lock the project's.

    Args:
        environment: The environment, by its pointer.
        chosen: The generation.
        files: The project's files as they shall be then.
        as_it_is: Whether one is taken whose files are no longer those that were installed.

    Raises:
        UnverifiedError: its files were changed.
        ManagerError: it does not work.
    """
    number = chosen.number
    made = open_environment(str(_folder(_store(Path(environment.root)), number)))
    found = check(made, chosen.packages, ())
    if found and not as_it_is:
        name, damages = next(iter(found.items()))
        raise UnverifiedError(
            f"Generation {number} is not what it was when it was made: {name}: {damages[0].sentence}.",
            "Return to it all the same with --as-it-is, and mend it there: plugin-manager doctor --fix",
        )
    plant(made, environment)
    root = Path(environment.root)
    _commit(root, files, _prepare(root, number, f"rollback {number}", files))


def _store(root: Path) -> Path:
    return root.with_name(root.name + ".generations")


def _make_store(store: Path) -> None:
    try:
        store.mkdir(exist_ok=True)
        (store / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise cannot_write(store, error) from None


def _folder(store: Path, number: int) -> Path:
    return store / f"{number:04d}"


def _next(store: Path) -> int:
    return max((int(path.name) for path in store.glob("[0-9]*") if path.name.isdigit()), default=0) + 1


def _record(environment: Environment, number: int, title: str, files: dict[str, str | None]) -> None:
    packages = {name: dist.version for name, dist in distributions(environment.site).items()}
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    data = {"schema": 1, "number": number, "title": title, "created": now, "packages": packages}
    write_json(Path(environment.state) / RECORD, {**data, "files": files}, private=True)


def _generation(data: dict[str, Any], *, current: bool) -> Generation:
    return Generation(data["number"], data["title"], data["created"], current, data["packages"], data["files"])


def _prepare(root: Path, number: int, title: str, files: dict[str, str | None]) -> dict[str, Path]:
    """Take every step of the end that a full disk can refuse, the next pointer included."""
    try:
        _link(root, number)
        return Journal(_store(root)).prepare(title, files, number=number)
    except BaseException as error:
        _next_pointer(root).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise cannot_write(_next_pointer(root), error) from None
        raise


def _commit(root: Path, files: dict[str, str | None], staged: dict[str, Path]) -> None:
    _next_pointer(root).replace(root)
    Journal(_store(root)).commit(files, staged)


def _point(root: Path, number: int) -> None:
    _link(root, number)
    _next_pointer(root).replace(root)


def _link(root: Path, number: int) -> None:
    pointer = _next_pointer(root)
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(Path(_store(root).name) / f"{number:04d}", target_is_directory=True)


def _next_pointer(root: Path) -> Path:
    return root.with_name(f".{root.name}.next")


def _retire(root: Path, store: Path) -> None:
    """Delete the oldest generations beyond those that are kept; a folder is renamed first, so that none is ever half there."""
    current = Path(os.path.realpath(root)).name
    folders = [path for path in sorted(store.glob("[0-9]*")) if path.name != current]
    for folder in [*folders[: -(KEEP - 1)], *store.glob("gone-*")]:
        gone = folder if folder.name.startswith("gone-") else folder.with_name(f"gone-{folder.name}")
        if gone != folder:
            folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def retire_isolated(environment: Environment) -> None:
    """Delete the environments of isolated providers that neither the environment nor any of its generations names."""
    roots = [environment.root, *map(str, _store(Path(environment.root)).glob("[0-9]*"))]
    used = {os.path.dirname(os.path.dirname(python)) for root in roots for python in isolated_pythons(root).values()}  # noqa: PTH120  strings are at hand
    for folder in Path(environment.isolated).glob("*-[0-9]*"):
        if str(folder) not in used:
            shutil.rmtree(folder, ignore_errors=True)
