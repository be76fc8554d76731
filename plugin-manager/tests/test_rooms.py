"""The rooms of the manager: imports go down only, and nothing of the core or of a provider is ever imported."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import penstock_plugin_manager
from penstock_plugin_manager.registry import COMMANDS

ROOT = Path(penstock_plugin_manager.__file__).parent
FLOORS = [
    {"errors"}, {"output"}, {"model"}, {"installed", "index", "need"}, {"catalog"}, {"resolve", "plan"}, {"apply"}, {"change"},
    {"conformance"}, {"arguments"}, {"registry"}, {"commands"}, {"cli"}, {"__main__"},
]  # fmt: skip
# Reading a wheel uses the same metadata reader as reading an environment.
SIDEWAYS = {("index", "installed")}
# What `new` copies is a subject of its own.
NO_COMMANDS = {"author.template"}


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module or "")
    return found


def test_imports_go_down_only():
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    for path in ROOT.rglob("*.py"):
        place = path.relative_to(ROOT)
        room = place.parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for name in _imports(path):
            parts = name.split(".")
            if parts[0] != "penstock_plugin_manager" or len(parts) < 2:
                continue
            other = parts[1]
            allowed = other == room or floor[other] < floor[room] or (room, other) in SIDEWAYS
            assert allowed, f"{place} imports {name}"


def test_neither_core_nor_providers_nor_click_are_imported():
    allowed = {
        "penstock_plugin_manager",
        "penstock_manifest",
        "importlib_metadata",
        "packaging",
        "cyclonedx",
        "packageurl",
        "griffe",
        "__future__",
    } | set(sys.stdlib_module_names)
    for path in ROOT.rglob("*.py"):
        foreign = {name.split(".")[0] for name in _imports(path)} - allowed
        assert not foreign, f"{path} imports {foreign}"


def test_a_plain_list_imports_next_to_nothing(tmp_path):
    site = tmp_path / ".venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    site.mkdir(parents=True)
    (tmp_path / ".venv/pyvenv.cfg").write_text(f"version = {sys.version.split()[0]}\n")
    code = (
        "import sys\nbefore = set(sys.modules)\nfrom penstock_plugin_manager.cli import main\n"
        "main(['list', '--env', '.venv'])\nprint(sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT.parent)!r})\n{code}"]
    slow = [sys.executable, "-m", "penstock_plugin_manager", "list", "--env", ".venv"]
    first = subprocess.run(slow, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "No provider is installed" in first.stdout
    second = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not {"re", "json", "typing", "argparse", "pathlib", "packaging"} & set(
        ast.literal_eval(second.stdout.splitlines()[-1])
    )


def test_every_module_of_the_commands_is_a_command_of_the_table():
    modules = {
        ".".join(path.relative_to(ROOT / "commands").with_suffix("").parts)
        for path in (ROOT / "commands").rglob("*.py")
        if path.name != "__init__.py"
    }
    assert modules - NO_COMMANDS == {command.module for command in COMMANDS.values()}


def test_nothing_below_the_commands_sees_a_parsed_word():
    for path in ROOT.rglob("*.py"):
        room = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if room not in {"commands", "cli", "arguments", "registry", "__main__"}:
            assert "argparse" not in _imports(path), f"{path} imports argparse"
