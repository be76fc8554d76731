"""The files of the workspace, as git has them."""

import ast
import subprocess
from functools import cache
from pathlib import Path

_PACKAGES = ("manifest", "core", "plugin-manager", "testkit", "server")


def files_of(root: Path, *endings: str) -> list[Path]:
    """Files that git tracks and that are on disk, relative to the root, sorted; a folder that is no clone is walked.

    Args:
        root: The workspace.
        endings: Such as ``.py``; none for all files.
    """
    if (root / ".git").exists():
        command = ["git", "-C", str(root), "ls-files", "-z"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
        found = [Path(name) for name in listed if name and (root / name).is_file()]
    else:
        found = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
        found = [
            path for path in found if not any(part.startswith(".") or part == "__pycache__" for part in path.parts)
        ]
    return sorted(path for path in found if not endings or path.name.endswith(endings))


def sources_of(root: Path) -> list[Path]:
    """Python files below the ``src`` folders: what is shipped, and the testkit."""
    return [path for path in files_of(root, ".py") if "src" in path.parts[:3]]


def package_folders(root: Path) -> list[Path]:
    """The folders of all packages, relative to the root."""
    providers = [path.parent.relative_to(root) for path in sorted(root.glob("providers/*/pyproject.toml"))]
    return [*(Path(name) for name in _PACKAGES if (root / name / "pyproject.toml").is_file()), *providers]


@cache
def parse(text: str) -> ast.Module:
    """The syntax tree of a Python text; made once, as every rule wants it."""
    return ast.parse(text)
