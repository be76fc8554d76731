"""Files that one process writes and others read: kept as a whole, and read only if they are files.

A task may have replaced its log, say: a pipe would hold its reader for ever, a link lead anywhere.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


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


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading, and nothing else of its name.

    Raises:
        FileNotFoundError: There is nothing of this name.
        OSError: It cannot be read, or it is a link, pipe, socket, device or folder.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:  # a link; a socket
            raise _no_file(path) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_file(path)
    return os.fdopen(descriptor, "rb")


def file_size(path: Path) -> int:
    """Bytes of a file; raises as `open_file`."""
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode):
        raise _no_file(path)
    return found.st_size


def _no_file(path: Path) -> OSError:
    return OSError(errno.EINVAL, "it is a link, a pipe or the like, and no file", str(path))
