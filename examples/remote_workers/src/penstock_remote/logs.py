"""The log of a try, written at the executor's end."""

import logging
import os
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

_log = logging.getLogger(__name__)


def write_log(url: str, offset: int, data: bytes) -> None:
    """Write what a try printed where it belongs in its log; what comes twice changes nothing."""
    path = Path(url2pathname(urlsplit(url).path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.pwrite(file, data, offset)
        finally:
            os.close(file)
    except OSError as error:  # a full disk must not end the scheduler
        _log.warning("the log %s cannot be written: %s", path, error)
