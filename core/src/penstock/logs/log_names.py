"""What logs are called in the log store."""

from pathlib import Path

_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def log_name(identity: str, folder: Path, path: Path) -> str:
    """Name a log, or a folder of logs, by its place in the logs folder.

    Args:
        identity: The database's own name, with which each name begins.
        folder: The logs folder.
        path: The log, or a folder in it.

    Returns:
        Parts of letters, digits and ``._-=``, which mean the same in every URL; any other byte is ``=`` and its two hex digits.
    """
    return "/".join([identity, *map(_safe, path.relative_to(folder).parts)])


def _safe(part: str) -> str:
    return "".join(c if c in _SAFE else "".join(f"={byte:02x}" for byte in c.encode()) for c in part)
