"""Runs the linter, the type checker and the import contracts over the whole workspace.

``python tools/check.py lint|types|imports [--root FOLDER]``. Nothing here names a provider: they are read from disk,
so that a new one is held to every rule without a change outside its folder.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock_manifest.kinds import FLOORS

ROOT = Path(__file__).parent.parent
PUBLIC_ROOMS = frozenset({"spec", "errors", "testing"})
SERVICE_ROOMS = frozenset({"cli", "decoders", "errors", "model", "service", "settings", "spec", "testing"})
"""What calls the service, and what the service takes and returns; each other room is behind it."""


def source_folders(root: Path) -> list[Path]:
    """The ``src`` folders of all packages of the workspace."""
    return sorted(path.parent / "src" for path in root.glob("**/pyproject.toml") if (path.parent / "src").is_dir())


def packages_of(folder: Path) -> list[str]:
    """Names of the packages in a ``src`` folder."""
    return sorted(path.parent.name for path in folder.glob("*/__init__.py"))


def words(root: Path) -> dict[str, list[str]]:
    """What the words of the import contracts stand for today.

    ``@providers`` is every provider's package, ``@examples`` that of every example; ``@internals`` is every room of the core
    that providers may not see;
    ``@behind-service`` every one that only the service calls; ``@server`` is the server's package; ``@provider-rooms`` are the
    layers of each provider's package.
    """
    providers = [name for folder in root.glob("providers/*/src") for name in packages_of(folder)]
    core = root / "core" / "src" / "penstock"
    rooms = {path.parent.name for path in core.glob("*/__init__.py")} | {path.stem for path in core.glob("*.py")}
    internals = sorted(rooms - PUBLIC_ROOMS - {"__init__", "__main__"})
    return {
        "@providers": sorted(providers),
        "@examples": sorted(name for folder in root.glob("examples/*/src") for name in packages_of(folder)),
        "@internals": [f"penstock.{room}" for room in internals],
        "@behind-service": [f"penstock.{room}" for room in sorted(rooms - SERVICE_ROOMS - {"__init__", "__main__"})],
        "@provider-rooms": list(room_layers()),
        "@server": packages_of(root / "server" / "src"),
    }


def room_layers() -> Iterator[str]:
    """The floors of a provider's package as layers, highest first; a provider need not have every room."""
    for floor in sorted(set(FLOORS.values()), reverse=True):
        yield " | ".join(f"({room})" for room, own in FLOORS.items() if own == floor)


def expanded(table: Any, meaning: Mapping[str, Sequence[str]]) -> Any:  # noqa: ANN401 - any TOML value
    """The table with each word in its lists replaced by what it stands for."""
    if isinstance(table, dict):
        return {key: expanded(value, meaning) for key, value in table.items()}
    if isinstance(table, list):
        inner = [expanded(value, meaning) for value in table]
        return [
            each for value in inner for each in (meaning.get(value, [value]) if isinstance(value, str) else [value])
        ]
    return table


def import_contracts(root: Path, *, type_checking: bool) -> str:
    """The import contracts of the root's ``pyproject.toml`` as a TOML text that import-linter reads.

    Args:
        root: The workspace.
        type_checking: Whether those are wanted that look at imports for type checkers, too, or those that do not: to
            import-linter this is a setting of a whole file.
    """
    table = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    table = expanded(table, words(root))
    contracts = [each for each in table.pop("contracts") if each.get("source_modules", True)]
    table["exclude_type_checking_imports"] = not type_checking
    lines = ["[tool.importlinter]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    for contract in contracts:
        if contract.pop("type_checking", True) == type_checking:
            lines += [
                "[[tool.importlinter.contracts]]",
                *(f"{key} = {json.dumps(value)}" for key, value in contract.items()),
            ]
    return "\n".join(lines) + "\n"


def imports(root: Path) -> int:
    """Check who imports whom; the highest exit code of import-linter is returned."""
    path = os.pathsep.join(str(folder) for folder in source_folders(root))
    codes = []
    with tempfile.TemporaryDirectory() as folder:
        for type_checking in (True, False):
            config = Path(folder) / f"contracts-{type_checking}.toml"
            config.write_text(import_contracts(root, type_checking=type_checking), encoding="utf-8")
            command = ["lint-imports", "--config", str(config), "--no-cache", "--no-logo"]
            codes.append(_run(command, folder, {"PYTHONPATH": path}))
    return max(codes)


def types(root: Path) -> int:
    """Check types with mypy; its exit code is returned."""
    folders = [*source_folders(root), *(root / name for name in ("tools",) if (root / name).is_dir())]
    path = os.pathsep.join(str(folder) for folder in folders)
    return _run(["mypy", "--config-file", "pyproject.toml", *map(str, folders)], str(root), {"MYPYPATH": path})


def lint(root: Path) -> int:
    """Check style and format with ruff; the first exit code that is not 0 is returned."""
    return _run(["ruff", "check", "."], str(root), {}) or _run(["ruff", "format", "--check", "."], str(root), {})


def _run(command: list[str], folder: str, variables: Mapping[str, str]) -> int:
    tool = Path(sys.executable).parent / command[0]
    done = subprocess.run([str(tool), *command[1:]], cwd=folder, env={**os.environ, **variables}, check=False)
    return done.returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one check and return its exit code."""
    parser = argparse.ArgumentParser(prog="check", description=__doc__)
    parser.add_argument("check", choices=["lint", "types", "imports"])
    parser.add_argument("--root", type=Path, default=ROOT, help="the workspace")
    given = parser.parse_args(arguments)
    return {"lint": lint, "types": types, "imports": imports}[given.check](given.root)


if __name__ == "__main__":
    sys.exit(main())
