"""Where the logs and the large values of a run lie."""

import os
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from unicodedata import normalize
from urllib.parse import quote_from_bytes

from penstock.model.run import UNMAPPED, Run, TaskKey

_KEPT = "-_.+:@ "
_LONGEST_NAME = 200
"""Bytes of a name; a file system takes 255 (NAME_MAX), and an instance's index may follow."""


def run_logs(logs: Path, dag_id: str, run_id: str) -> Path:
    """Folder of a run's logs.

    Ids may hold characters that a file name must not, and ``.`` and ``..`` mean folders: such are percent-coded.
    """
    return logs / _file_name(dag_id) / _file_name(run_id)


def log_path(logs: Path, dag_id: str, run_id: str, key: TaskKey, epoch: int) -> Path:
    """Where the output of one dispatch goes: a folder for the run, a file for each dispatch."""
    return run_logs(logs, dag_id, run_id) / _instance_name(key) / f"{epoch}.log"


def log_url(logs: Path, dag_id: str, run_id: str, key: TaskKey, epoch: int) -> str:
    """The URL of `log_path`, at no cost of paths: one is made for each try."""
    return f"{_run_logs_url(logs, dag_id, run_id)}/{quote_from_bytes(os.fsencode(_instance_name(key)))}/{epoch}.log"


def run_values(store: str, run: Run) -> str:
    """URL under which the run's large values lie, with a slash at its end.

    It is the run's own even if several installations share the store: no two of them make a run of the same number in
    the same microsecond.
    """
    return f"{store.rstrip('/')}/{run.run}-{run.created_at:%Y%m%dT%H%M%S%f}/"


@lru_cache(maxsize=1000)
def _run_logs_url(logs: Path, dag_id: str, run_id: str) -> str:
    return run_logs(logs, dag_id, run_id).absolute().as_uri()


def _instance_name(key: TaskKey) -> str:
    return _file_name(key.task_id) + ("" if key.map_index == UNMAPPED else f"[{key.map_index}]")


def _file_name(text: str) -> str:
    """A name of its own for each id: undone by reading the codes (RFC 3986, 2.1), or, if it is cut, by nobody.

    Of letters beyond ASCII a text is kept that is in its composed form, as some file systems take all forms of one text for the same name.
    """
    composed = text.isascii() or normalize("NFC", text) == text
    safe = "".join(c if c in _KEPT or (c.isalnum() and (composed or c.isascii())) else _coded(c) for c in text)
    if len(safe.encode()) > _LONGEST_NAME:
        # Its beginning for people; the rest keeps it apart from others that begin so. No code begins with %-, so no id is written so.
        begin = safe.encode()[: _LONGEST_NAME - 34].decode(errors="ignore")
        return f"{begin}%-{sha256(text.encode()).hexdigest()[:32]}"
    return safe.replace(".", "%2e") if safe.strip(".") == "" else safe


def _coded(character: str) -> str:
    return "".join(f"%{byte:02x}" for byte in character.encode())
