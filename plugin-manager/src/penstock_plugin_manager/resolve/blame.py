"""What is to blame for a failure of uv or pip, found by looking: at the files that they name, and at what the sources have.

The tools speak of files of their caches, of clauses of their solvers, and each in its own way; what is looked up here is one sentence,
the same whichever tool has failed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from penstock_plugin_manager.errors import ManagerError, MissingError
from penstock_plugin_manager.index.client import Client
from penstock_plugin_manager.index.network import shown
from penstock_plugin_manager.index.simple import Offered, read_project
from penstock_plugin_manager.index.sources import Sources
from penstock_plugin_manager.index.wheel import check_wheel
from penstock_plugin_manager.installed.environment import Environment, tags
from penstock_plugin_manager.model.lock import File, Locked, file_tags
from penstock_plugin_manager.model.requirement import allows, newest
from penstock_plugin_manager.resolve.loopback import GONE
from penstock_plugin_manager.resolve.message import (
    AbsentError,
    MessageRequirement,
    ToolError,
    UnmetError,
    UnreachableError,
    address_needed,
    distributions_named,
    names_missing,
    names_yanked,
    needs_of,
    pythons_needed,
)

_MOST = 8
"""Distributions that are looked at; a tool names the guilty one among its first."""


class Asked(NamedTuple):
    """What a tool was asked, and how the manager itself can ask.

    Attributes:
        packages: What was to be installed; empty for a resolution.
    """

    environment: Environment
    sources: Sources
    client: Client
    packages: Sequence[Locked] = ()


def blamed(error: ManagerError, asked: Asked, log: str = "") -> ManagerError:
    """Return the error that names what is to blame for a tool's failure; the error itself where nothing is found.

    Args:
        error: What the tool's words mean by themselves.
        asked: What it was asked.
        log: What it wrote besides.
    """
    if asked.sources.offline:
        return error
    words = f"{error.detail}\n{log}"
    by_address = address_needed(words)
    if by_address:
        return needs_an_address(*by_address, error.detail)
    if isinstance(error, ToolError | UnreachableError):
        return _of_files(error, words, asked)
    if error.code in {AbsentError.code, UnmetError.code}:
        return _of_versions(error, words, asked)
    return error


def needs_an_address(parent: str, child: str, address: str, detail: str) -> ManagerError:
    """Return the error for a requirement that names an address where an index should be asked."""
    return UnmetError(
        f"{parent} needs {child} from the address {shown(address)}, and not from an index.",
        f"Ask its author to need {child} by its name, or take it in yourself: add '{child} @ ADDRESS' to `packages` in penstock.toml.",
        detail,
    )


def _of_files(error: ManagerError, words: str, asked: Asked) -> ManagerError:
    """Look at the files that a tool could not use, or could not get at."""
    if isinstance(error, UnreachableError):
        return _of_addresses(error, words, asked)
    named = distributions_named(words)[:_MOST] or [(each.name, each.version) for each in asked.packages]
    return _of_wheels(error, named, asked)


def _of_wheels(error: ManagerError, named: Sequence[tuple[str, str]], asked: Asked) -> ManagerError:
    for name, version in named:
        try:
            for file in _files(name, version, asked):
                check_wheel(file, asked.client.fetch(file.place).body)
        except MissingError as found:
            return ManagerError(str(found), GONE, error.detail)
        except ManagerError as found:
            return type(found)(str(found), found.hint, error.detail)
    return error


def _of_addresses(error: ManagerError, words: str, asked: Asked) -> ManagerError:
    """Ask for the addresses that a tool had no answer from."""
    for address in list(dict.fromkeys(re.findall(r"https?://[^\s`'\"<>()]+", words)))[:_MOST]:
        try:
            with asked.client.opened(address.rstrip(":,.")):
                pass
        except ManagerError as found:
            return ManagerError(str(found), GONE if isinstance(found, MissingError) else found.hint, error.detail)
    return error


def _files(name: str, version: str, asked: Asked) -> list[File]:
    """Return the wheels that a tool may have stumbled over."""
    locked = [file for each in asked.packages if each.name == name for file in each.wheels]
    if locked:
        return locked
    try:
        files = read_project(name, asked.sources, asked.client).files
    except MissingError:
        return []
    wheels = [each for each in files if each.name.endswith(".whl")]
    version = version or newest(each.version for each in wheels) or ""
    return [File(each.name, each.url, sha256=each.sha256) for each in wheels if each.version == version][:_MOST]


def _of_versions(error: ManagerError, words: str, asked: Asked) -> ManagerError:
    """Look at what the sources have of the distributions that a tool has not found, or whose needs it cannot meet."""
    for name, python in pythons_needed(words):
        if not allows(python, asked.environment.version):
            return _of_python(name, python, asked.environment, error.detail)
    needs = needs_of(words)
    suspects = [*names_yanked(words), *names_missing(words), *(each.child for each in needs)]
    for name in list(dict.fromkeys(suspects))[:_MOST]:
        own = [each for each in needs if each.child == name] or [MessageRequirement("", name, "")]
        try:
            files = read_project(name, asked.sources, asked.client).files
        except MissingError:
            return AbsentError(own[0], "", error.detail)
        except ManagerError as found:
            return found
        for need in own:
            reason = _unmet(need, files, asked, error.detail)
            if reason and len(asked.sources.indexes) > 1:
                reason.hint += f" Of several indexes the first one that has {name} decides: put the right one first."
            if reason:
                return reason
    if isinstance(error, AbsentError):  # the sources have files of it that fit
        unusable = ToolError(f"The files of {error.name} cannot be used.", "Ask for another version.", error.detail)
        return _of_wheels(unusable, [(error.name, "")], asked)
    return error


def _unmet(need: MessageRequirement, files: Sequence[Offered], asked: Asked, detail: str) -> ManagerError | None:
    """Return why no file meets one need by itself; None where one does."""
    fitting = [each for each in files if allows(need.specifier, each.version)]
    if not fitting:
        return _nothing(need, files, detail)
    standing = [each for each in fitting if each.yanked is None]
    if not standing and "==" not in need.specifier:
        reason = next((f": {each.yanked}" for each in fitting if each.yanked), "")
        which = f" that satisfies {need.specifier}" if need.specifier else ""
        return AbsentError(need, f"Every version of {need.child}{which} is yanked{reason}.", detail)
    return _unfit(need, standing or fitting, asked, detail)


def _nothing(need: MessageRequirement, files: Sequence[Offered], detail: str) -> ManagerError:
    versions = sorted({each.version for each in files})
    why = f"No version of {need.child} satisfies {need.specifier}; there is {', '.join(versions[-5:])}."
    if not need.parent:
        return AbsentError(need, why, detail)
    return UnmetError(f"{why} {need.parent} needs it so.", f"Ask for another version of {need.parent}.", detail)


def _of_python(name: str, python: str, environment: Environment, detail: str) -> ManagerError:
    return UnmetError(
        f"{name} needs Python {python}; this environment has {environment.version}.",
        "Use a Python that it supports, or ask for another version.",
        detail,
    )


def _unfit(need: MessageRequirement, files: Sequence[Offered], asked: Asked, detail: str) -> ManagerError | None:
    """Return why no file fits the environment; None where one does."""
    environment = asked.environment
    accepted = set(tags(environment))
    checks: list[tuple[str, Callable[[Offered], bool]]] = [
        ("Python", lambda each: allows(each.requires_python, environment.version)),
        ("platform", lambda each: not each.name.endswith(".whl") or bool(accepted & set(file_tags(each.name)))),
    ]
    if any(all(fits(each) for _, fits in checks) for each in files):
        return None
    best = newest(each.version for each in files)
    own = [each for each in files if each.version == best]
    needed = f" {need.parent} needs it." if need.parent else ""
    if not any(checks[0][1](each) for each in own):
        return _of_python(f"{need.child} {best}", own[0].requires_python, environment, detail)
    return UnmetError(
        f"{need.child} {best} has no wheel for Python {environment.short_version} on this platform and no source distribution.{needed}",
        "Use a Python that it supports, or ask for another version.",
        detail,
    )
