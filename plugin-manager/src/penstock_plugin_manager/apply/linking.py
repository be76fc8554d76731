"""Linking a provider's folder into an environment, and taking the link away; intent, lock and installed files stay as they are.

What a link needs of an environment is two files in its site-packages that belong to no distribution: a ``.pth`` file, which Python's
``site`` module reads at each start (https://docs.python.org/3/library/site.html), and the module that it imports. They read the links
from a folder beside the environment, so that all generations have the same ones.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from penstock_plugin_manager.apply.files import cannot_write, write_json, write_text
from penstock_plugin_manager.installed.environment import Environment
from penstock_plugin_manager.installed.links import LINKS, LINKS_FILE, MODULE, ProviderLink, linked

_START = '''"""Puts linked providers before what is installed; `plugin-manager dev unlink` takes it away."""

import json
import os
import sys


def _folders():
    try:
        with open({file!r}, encoding="utf-8") as stream:
            links = json.load(stream)["links"].values()
        return [folder for each in links for folder in (each["metadata"], each["source"]) if os.path.isdir(folder)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


_site = os.path.dirname(os.path.abspath(__file__))
_at = next((number for number, each in enumerate(sys.path) if os.path.abspath(each) == _site), len(sys.path))
sys.path[_at:_at] = [each for each in _folders() if each not in sys.path]
'''


class LinkedProject(NamedTuple):
    """What a folder's pyproject.toml says of the distribution that it would be.

    Attributes:
        source: The folder on the path that holds its packages.
        files: The texts of its metadata, by their names.
    """

    name: str
    version: str
    project: Path
    source: Path
    files: dict[str, str]


def link(provider_id: str, found: LinkedProject, environment: Environment) -> ProviderLink:
    """Link a provider into an environment; a link of the same id is replaced.

    Raises:
        ManagerError: a file could not be written.
    """
    store = _store(environment)
    metadata = store / provider_id
    try:
        store.mkdir(exist_ok=True)
        (store / ".gitignore").write_text("*\n", encoding="utf-8")
        shutil.rmtree(metadata, ignore_errors=True)
    except OSError as error:
        raise cannot_write(store, error) from None
    info = metadata / f"{found.name.replace('-', '_')}-{found.version}.dist-info"
    for name, text in found.files.items():
        write_text(info / name, text)
    made = ProviderLink(str(found.source), str(metadata), str(found.project))
    _write({**linked(environment.root), provider_id: made}, environment)
    plant(environment, environment)
    return made


def unlink(provider_id: str, environment: Environment) -> None:
    """Take a link away, and with the last one all that links need.

    Raises:
        ManagerError: a file could not be written.
    """
    left = {name: each for name, each in linked(environment.root).items() if name != provider_id}
    _write(left, environment)  # from here on no Python sees it, wherever this ends
    shutil.rmtree(_store(environment) / provider_id, ignore_errors=True)
    if not left:
        for site in _sites(environment):
            for ending in (".pth", ".py"):
                (site / f"{MODULE}{ending}").unlink(missing_ok=True)
        shutil.rmtree(_store(environment), ignore_errors=True)


def plant(made: Environment, environment: Environment) -> None:
    """Have the Python of an environment look for the links when it starts, if there are any.

    Args:
        made: An environment, such as a generation that is being built.
        environment: The one whose links they are, by its pointer.
    """
    if linked(environment.root):
        text = _START.format(file=str(_store(environment) / LINKS_FILE))
        write_text(Path(made.site) / f"{MODULE}.py", text)
        write_text(Path(made.site) / f"{MODULE}.pth", f"import {MODULE}\n")


def _store(environment: Environment) -> Path:
    return Path(environment.root + LINKS)


def _write(links: dict[str, ProviderLink], environment: Environment) -> None:
    data: dict[str, Any] = {"schema": 1, "links": {name: each._asdict() for name, each in links.items()}}
    write_json(_store(environment) / LINKS_FILE, data)


def _sites(environment: Environment) -> Iterator[Path]:
    """Yield the site-packages of an environment and of all its generations."""
    inside = os.path.relpath(environment.site, environment.root)
    yield Path(environment.site)
    for folder in sorted(Path(environment.generations).glob("[0-9]*")):
        yield folder / inside
