"""What logs are called in the log store."""

from hashlib import sha256
from pathlib import Path

_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")

_LONGEST_PART = 200
"""Characters of a part: a file system takes 255 bytes (NAME_MAX), and S3 1,024 for the key of an object."""


def log_name(identity: str, folder: Path, path: Path) -> str:
    """Name a log, or a folder of logs, by its place in the logs folder.

    Args:
        identity: The database's own name, with which each name begins.
        folder: The logs folder.
        path: The log, or a folder in it.

    Returns:
        Parts of letters, digits and ``._-=``, which mean the same in every URL; any other byte is ``=`` and its two hex digits. Of a part
        that grows too long by that, its beginning and a checksum of it stay.
    """
    return "/".join([identity, *map(_safe, path.relative_to(folder).parts)])


def _safe(part: str) -> str:
    safe = "".join(c if c in _SAFE else "".join(f"={byte:02x}" for byte in c.encode()) for c in part)
    if len(safe) <= _LONGEST_PART:
        return safe
    return f"{safe[: _LONGEST_PART - 33]}-{sha256(part.encode()).hexdigest()[:32]}"
