"""Makes a project out of an empty folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from penstock.errors import ConfigError
from penstock.settings import FILE, Settings, load_settings

_SETTINGS = """\
# Settings of this Penstock project; `penstock config show` lists all of them with their values.
[core]
dags_folder = "dags"
"""
_DAG = '''\
"""A first DAG: two tasks, once an hour."""

from datetime import datetime, timezone

from penstock import DAG, task

with DAG("hello", schedule="@hourly", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):

    @task
    def name() -> str:
        return "world"

    @task
    def greet(name: str) -> None:
        print(f"hello, {name}")

    greet(name())
'''


class Project(NamedTuple):
    """A project's folder, its settings, and the files that were made in it."""

    root: Path
    settings: Settings
    made: list[str]


def make_project(folder: Path, environ: Mapping[str, str], *, example: bool) -> Project:
    """Make ``penstock.toml``, the DAGs folder and the state folder; files that exist are kept.

    Args:
        folder: Where; it is made if it does not exist.
        environ: The environment.
        example: Whether to write a first DAG file if there is no DAGs folder yet.

    Raises:
        ConfigError: A file or folder cannot be made, or the settings that are there are wrong.
    """
    root = folder.absolute()
    made: list[str] = []
    try:
        root.mkdir(parents=True, exist_ok=True)
        _write(root / FILE, _SETTINGS, made)
        settings = load_settings({**environ, "PENSTOCK_CONFIG": str(root / FILE)}, root)
        if example and not settings.dags_folder.exists():
            settings.dags_folder.mkdir(parents=True)
            _write(settings.dags_folder / "hello.py", _DAG, made)
        settings.dags_folder.mkdir(parents=True, exist_ok=True)
        make_state_folder(settings)
        _write(settings.state_folder / ".gitignore", "*\n", made)
    except OSError as error:
        raise ConfigError(
            f"{error.filename}: cannot be made: {error.strerror}. Check its folder's owner and mode."
        ) from None
    return Project(root, settings, made)


def make_state_folder(settings: Settings) -> None:
    """Make the state folder unless it is there, for its owner alone: logs, values and sources lie in it.

    Raises:
        ConfigError: It cannot be made.
    """
    folder = settings.state_folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{folder}: the state folder cannot be made: {error.strerror}. Check its folder's owner and mode."
        ) from None


def _write(path: Path, text: str, made: list[str]) -> None:
    if not path.exists():
        path.write_text(text, encoding="utf-8")
        made.append(str(path))
