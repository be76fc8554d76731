"""The page of the server: its settings and commands, from its manifest, and the routes beside its API."""

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

MANIFEST = Path(__file__).parent.parent / "server" / "src" / "penstock_server" / "provider.toml"

ROUTES = {
    "/health/live": ("whoever comes", "200 as long as the server answers at all. Whoever restarts it asks this."),
    "/health/ready": (
        "whoever comes",
        "200 if it reaches its database, and the disk of the state folder is not full. Whoever sends it requests asks this.",
    ),
    "/health/scheduler": ("whoever comes", "200 if a scheduler's loop comes round; 503 with a sentence if none does."),
    "/metrics": ("`installation:read`", "The figures of the installation for Prometheus: [metrics](metrics.md)."),
    "/scaling": (
        "`installation:read`",
        "By queue, what waits and runs, and how many workers are wanted, as the operation `list_queues` says it.",
    ),
}
"""Routes beside the API, with who may ask for each, and what is answered."""


def page(note: str) -> str:
    """The text of the page."""
    manifest = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    [service] = manifest["services"]
    lines = [
        "# The server\n",
        note,
        "The package `penstock-server`: [how it is reached](../how-to/serve-to-others.md), [what it is asked](operations.md).\n",
    ]
    lines += ["## `[services.server]`\n", *_table("key", service["parameters"]), ""]
    lines += ["## Routes beside the API\n", "| route | asked by | answer |", "|---|---|---|"]
    lines += [f"| `GET {path}` | {who} | {what} |" for path, (who, what) in ROUTES.items()]
    lines.append("\n## Commands\n")
    for command in sorted(manifest["commands"], key=_name):
        lines += [f"### `penstock {_name(command)}`\n", f"{command['doc']}\n"]
        if command.get("parameters"):
            lines += [*_table("parameter", command["parameters"]), ""]
    return "\n".join(lines)


def _name(command: Mapping[str, Any]) -> str:
    return str(command.get("name") or command["id"].replace(".", " "))


def _table(heading: str, parameters: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield f"| {heading} | type | default | |"
    yield "|---|---|---|---|"
    for each in parameters:
        default = (
            "must be given" if each.get("required") else f"`{json.dumps(each['default'])}`" if "default" in each else ""
        )
        kind = each["type"].replace("|", "\\|")
        yield f"| `{each['name']}` | `{kind}` | {default} | {each['doc']} |"
