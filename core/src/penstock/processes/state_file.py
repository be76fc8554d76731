"""Small files of the state folder by which a process tells others how it fares."""

from pathlib import Path


def keep(path: Path, data: bytes) -> bool:
    """Replace a file as a whole.

    Returns:
        Whether it is kept: a disk that is full is no reason to fail, and one to keep it later.
    """
    new = path.with_suffix(".new")
    try:
        new.write_bytes(data)
        new.replace(path)
    except OSError:
        return False
    return True
