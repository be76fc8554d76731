"""Folders that are made under another name until they are whole: whoever dies on the way leaves nothing that looks like one."""

from pathlib import Path
from uuid import uuid4

DRAFT = ".draft-"
"""What the name of a folder begins with while it is not whole."""


def draft_of(folder: Path) -> Path:
    """A new name in a folder, for what is not whole yet or no more."""
    return folder / f"{DRAFT}{uuid4().hex}"


def write_listed(path: Path, content: bytes, *, executable: bool) -> None:
    """Write a file that nobody is to change; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o555 if executable else 0o444)


def finish_draft(draft: Path, target: Path) -> None:
    """Give a draft that is whole its name, unless somebody was faster; raises OSError."""
    try:
        draft.rename(target)
    except OSError:
        if not target.is_dir():
            raise
