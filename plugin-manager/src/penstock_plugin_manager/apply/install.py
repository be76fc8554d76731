"""Installing so that what stands afterwards is proven: each file the recorded one, and none written over by another's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from penstock_plugin_manager.apply.change import check
from penstock_plugin_manager.errors import IncompatibleError, ManagerError, UnverifiedError
from penstock_plugin_manager.index.sources import Sources
from penstock_plugin_manager.installed.damage import Damage, claims, recorded
from penstock_plugin_manager.installed.environment import Environment
from penstock_plugin_manager.installed.site import distributions
from penstock_plugin_manager.model.lock import Locked
from penstock_plugin_manager.resolve.request import Resolver

_OF_VENV = ("_virtualenv.py", "_virtualenv.pth")


def install(
    packages: Sequence[Locked], complete: Sequence[Locked], absent: tuple[str, ...], place: Environment,
    resolver: Resolver, sources: Sources,
) -> None:  # fmt: skip
    """Install packages and prove all that must stand then.

    What does not fit its RECORD is installed once more, from its source: the tool's cache may hold a file that somebody edited
    through an environment which shares it.

    Args:
        packages: What is to be installed.
        complete: All that must stand afterwards.
        absent: Names that must not stand afterwards.
        place: The environment.
        resolver: The tool.
        sources: Where it may look.

    Raises:
        IncompatibleError: a package writes over files of another one or of the environment.
        UnverifiedError: a file is not the one that its RECORD names.
        ManagerError: something else is not as planned.
    """
    own = environment_files(place)
    if packages:
        resolver.install(list(packages), place, sources)
    after = {each.name: each.version for each in complete}
    _refuse_taken_files([each.name for each in packages], own, place)
    found = check(place, after, absent)
    if not found:
        return
    _refuse_clash(found, after, place)
    again = [each for each in complete if each.name in found]
    try:
        resolver.install(again, place, sources, again=True)
    except ManagerError as error:
        raise UnverifiedError(
            f"{_first(found)}, as it came out of {resolver.name}'s cache, and it cannot be taken from its source: {error}",
            f"Clear the cache ({resolver.name} cache clean) and try again.",
            error.detail,
        ) from None
    found = check(place, after, absent)
    if found:
        _refuse_clash(found, after, place)
        raise UnverifiedError(
            f"{_first(found)}: the wheel does not hold what its own RECORD says.",
            "Do not install it; ask who made the wheel.",
        )


def environment_files(environment: Environment) -> frozenset[str]:
    """Return the files that belong to the environment itself and to no distribution: interpreter, activation, settings."""
    root, scripts, site = Path(environment.root), Path(environment.scripts), Path(environment.site)
    found = {path for folder in (root, scripts) for path in folder.iterdir() if path.is_symlink() or path.is_file()}
    found |= {site / name for name in _OF_VENV if (site / name).is_file()}
    names = distributions(environment.site)
    taken = {os.path.normpath(site / path) for path in claims(site, names)}
    return frozenset({str(path) for path in found} - taken)


def _refuse_taken_files(names: Iterable[str], own: frozenset[str], place: Environment) -> None:
    site = Path(place.site)
    for name in names:
        for path, _ in recorded(site, name):
            full = os.path.normpath(site / path)
            if full in own:
                raise IncompatibleError(
                    f"{name} brings {path}, which would be written over {full}, a file of the environment itself.",
                    "Do not install it; tell its author.",
                )


def _refuse_clash(found: Mapping[str, Sequence[Damage]], names: Iterable[str], place: Environment) -> None:
    owners = claims(Path(place.site), names)
    for each in (damage for damages in found.values() for damage in damages):
        others = [name for name in owners.get(os.path.normpath(each.path), ()) if name != each.distribution]
        if others and each.problem != "is missing":
            raise IncompatibleError(
                f"{each.distribution} and {others[0]} both bring {each.path}, and not the same: one would write over the other.",
                f"Do without one, or give it an environment of its own: plugin-manager isolate ID. {others[0]} or "
                f"{each.distribution} has to change.",
            )


def _first(found: Mapping[str, Sequence[Damage]]) -> str:
    name, damages = next(iter(found.items()))
    more = f" and {sum(map(len, found.values())) - 1} more" if sum(map(len, found.values())) > 1 else ""
    return f"{name}: {damages[0].sentence}{more}"
