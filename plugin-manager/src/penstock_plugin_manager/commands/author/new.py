"""``new``: the beginning of a provider."""

from __future__ import annotations

import argparse
from pathlib import Path

from penstock_plugin_manager.apply.files import write_text
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ManagerError, UsageError
from penstock_plugin_manager.model.names import is_id
from penstock_plugin_manager.model.toml import value
from penstock_plugin_manager.output import Result, next_command


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("id", metavar="ID", help="the provider's id: lower-case letters, digits and underscores")
    parser.add_argument("--folder", metavar="DIR", help="where to (default: penstock-providers-ID here)")
    parser.add_argument("--name", metavar="TEXT", help="the name that the user reads")
    parser.add_argument("--distribution", metavar="NAME", help="the distribution (default: penstock-providers-ID)")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Begin a provider: a package with manifest, hook, operator and a test, which validates, builds and installs as it is.

    Raises:
        UsageError: the id is none.
        ManagerError: the folder is not empty.
    """
    provider_id = options.id
    if not is_id(provider_id):
        raise UsageError(
            f"{provider_id!r} is no provider id.", "Use lower-case letters, digits and underscores, a letter first."
        )
    distribution = options.distribution or f"penstock-providers-{provider_id.replace('_', '-')}"
    folder = Path(options.folder or distribution).absolute()
    if folder.exists() and any(folder.iterdir()):
        raise ManagerError(f"{folder} exists and is not empty.", "Name another folder with --folder.")
    if provider_id in session.with_options(offline=True).catalog:
        session.console.note(
            f"A catalog has a provider {provider_id!r} already: of two with one id, neither is active."
        )
    name = options.name or provider_id.replace("_", " ").title()
    files = scaffold(provider_id, name, distribution)
    for path, text in files.items():
        write_text(folder / path, text)
    data = {"folder": str(folder), "files": sorted(files)}
    return Result(data, [f"Wrote {len(files)} files to {folder}.", next_command(f"validate {folder}")])


def scaffold(provider_id: str, name: str, distribution: str) -> dict[str, str]:
    """Return the files of a new provider by their path."""
    package = f"penstock_{provider_id}"
    title = "".join(part.title() for part in provider_id.split("_"))
    source = f"src/{package}"
    return {
        "pyproject.toml": _PYPROJECT.format(
            id=provider_id, distribution=distribution, package=package, doc=value(f"{name} for Penstock.")
        ),
        "README.md": f"# {distribution}\n\n{name} for Penstock.\n",
        "CHANGELOG.md": f"# Changelog of {distribution}\n\n## 0.1.0 (unreleased)\n\n- First version.\n",
        f"{source}/__init__.py": f'"""{name} for Penstock."""\n',
        f"{source}/py.typed": "",
        f"{source}/provider.toml": _MANIFEST.format(
            id=provider_id, package=package, title=title, name=value(name), doc=value(f"{name} for Penstock.")
        ),
        f"{source}/hooks.py": _HOOKS.format(name=name, title=title),
        f"{source}/operators.py": _OPERATORS.format(name=name, title=title, package=package),
        f"tests/test_{package}.py": _TEST.format(package=package, title=title),
    }


_PYPROJECT = """[build-system]
requires = ["hatchling>=1.26"]
build-backend = "hatchling.build"

[project]
name = "{distribution}"
version = "0.1.0"
description = {doc}
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["penstock-core>=0.1"]

[project.entry-points."penstock.providers"]
{id} = "{package}:provider.toml"

[tool.hatch.build.targets.wheel]
packages = ["src/{package}"]
"""

_MANIFEST = """schema = 1
id = "{id}"
name = {name}
doc = {doc}
spec = ">=1,<2"
state = "experimental"
imports = ["{package}"]

[[connections]]
type = "{id}"
doc = "Where the service is and who calls it."
schemes = ["{id}"]
fields = [
  {{ name = "host", type = "str", doc = "Host name.", required = true }},
  {{ name = "token", type = "str", doc = "Access token.", secret = true }},
]

[[hooks]]
id = "{id}.client"
object = "{package}.hooks:{title}Hook"
connection_type = "{id}"
doc = "A client of the service."

[[operators]]
id = "{id}.ping"
object = "{package}.operators:{title}Ping"
doc = "Asks the service whether it is there."
parameters = [{{ name = "conn_id", type = "str", doc = "Connection to use.", default = "{id}_default" }}]
"""

_HOOKS = '''"""Clients of {name}: the only room that imports its SDK."""

from __future__ import annotations


class {title}Hook:
    """A client of {name}."""

    def __init__(self, host: str) -> None:
        self.host = host

    def ping(self) -> str:
        """Return the host that would be asked."""
        return self.host
'''

_OPERATORS = '''"""Tasks that use {name}."""

from __future__ import annotations

from {package}.hooks import {title}Hook


class {title}Ping:
    """Asks the service whether it is there."""

    def __init__(self, host: str) -> None:
        self.host = host

    def execute(self) -> str:
        """Ask, and return the answer."""
        return {title}Hook(self.host).ping()
'''

_TEST = """from {package}.operators import {title}Ping


def test_ping_names_the_host():
    assert {title}Ping("example.test").execute() == "example.test"
"""
