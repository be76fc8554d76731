"""The snapshot of an environment's providers: an index file that makes ``list`` cost milliseconds.

It is keyed by the modification times of the site-packages folder and of every file that it rests on, rebuilt when stale, and
never an error: an environment that cannot be written to is simply read again.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

from penstock_plugin_manager.installed.locate import stamp

if TYPE_CHECKING:
    from penstock_plugin_manager.installed.environment import Environment

SCHEMA = 2
FILE = "providers.json"


def rows(environment: Environment) -> list[dict[str, Any]]:
    """Return one row for each provider: id, distribution, version, core, spec, state, source, doc, problems."""
    fresh = _read(environment)
    return rebuild(environment) if fresh is None else fresh


def rebuild(environment: Environment) -> list[dict[str, Any]]:
    """Read the environment anew and keep the result."""
    from pathlib import Path  # noqa: PLC0415  the fast way does without all of this

    from penstock_plugin_manager.installed.site import providers  # noqa: PLC0415  as above

    site = stamp(environment.site)
    found = providers(Path(environment.site))
    stamps = {path: stamp(path) for each in found for path in each.paths}
    data = [
        {
            "id": each.id,
            "name": each.manifest.name if each.manifest else "",
            "doc": each.manifest.doc if each.manifest else "",
            "distribution": each.distribution,
            "version": each.version,
            "core": each.core,
            "spec": each.manifest.spec if each.manifest else "",
            "state": each.manifest.state if each.manifest else "",
            "source": each.source,
            "problems": list(each.problems),
            "notes": list(each.notes),
        }
        for each in found
    ]
    _write(
        environment,
        {"schema": SCHEMA, "root": os.path.realpath(environment.root), "site": site, "stamps": stamps, "rows": data},
    )
    return data


def _read(environment: Environment) -> list[dict[str, Any]] | None:
    try:
        with open(os.path.join(environment.state, FILE), encoding="utf-8") as stream:
            data = json.loads(stream.read())
        if data["schema"] != SCHEMA or data["site"] != stamp(environment.site):
            return None
        if data["root"] != os.path.realpath(environment.root):  # a copy keeps the stamps of what it was made from
            return None
        if any(stamp(path) != old for path, old in data["stamps"].items()):
            return None
        rows: list[dict[str, Any]] = data["rows"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return rows


def _write(environment: Environment, data: dict[str, Any]) -> None:
    target = os.path.join(environment.state, FILE)
    temporary = f"{target}.{os.getpid()}"
    try:
        os.makedirs(environment.state, exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as stream:
            json.dump(data, stream)
        os.replace(temporary, target)
    except OSError:  # an index that cannot be kept is made again
        with contextlib.suppress(OSError):
            os.unlink(temporary)
