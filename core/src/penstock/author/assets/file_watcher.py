"""Watchers of assets: files, and objects of stores, whose coming is an event of the asset."""

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from penstock.author.construct.checked import Checked
from penstock.errors import AuthoringError

if TYPE_CHECKING:
    from penstock.model.assets.file_watch import FileWatch

_SHORTEST_S, _LONGEST_S = 0.1, 86_400.0


class FileWatcher(Checked):
    """Has an event made of each file that comes, and of each that is replaced: ``Asset("orders", watchers=[FileWatcher("inbox/*.csv")])``.

    A file is known by path, size and time of change, an object by URL and tag: each is one event, whatever is killed and started again. The
    event carries ``path``, ``size`` and ``mtime`` or ``etag``.

    Args:
        path: Path of a file, from the project's folder unless it is absolute, or a URL such as ``s3://lake/inbox/*.csv``. ``*``,
            ``?`` and ``[...]`` stand for characters of one name that does not begin with a dot, ``**`` for folders of any depth; a
            slash at the end, for all that is below.
        interval: Time between two looks, in seconds or as a timedelta; 5 s for files, a minute for objects unless given.
        settle: How long a file must not have changed, so that none is told of which is still being written.
        delete: Whether a file is deleted once its event is stored.
        conn_id: Connection of the object store; its default unless given.
    """

    def __init__(
        self,
        path: Any,  # noqa: ANN401 - checked here
        *,
        interval: float | timedelta | None = None,
        settle: float | timedelta = 2.0,
        delete: bool = False,
        conn_id: str | None = None,
    ) -> None:
        from penstock.model.assets.file_watch import INTERVAL_S, REMOTE_INTERVAL_S  # noqa: PLC0415 - only a file with watchers needs msgspec

        self.path = _checked_path(path)
        remote = "://" in self.path
        usual = REMOTE_INTERVAL_S if remote else INTERVAL_S
        self.interval_s = _seconds("interval", usual if interval is None else interval, _SHORTEST_S)
        self.settle_s, self.delete, self.conn_id = _seconds("settle", settle, 0.0), bool(delete), conn_id
        if conn_id is not None and not remote:
            raise AuthoringError([f"conn_id={conn_id!r} is for URLs of object stores, and {self.path!r} is a path."])

    def watch(self) -> "FileWatch":
        """Convert it to a value of the model."""
        from penstock.model.assets.file_watch import FileWatch  # noqa: PLC0415 - only a build needs msgspec

        return FileWatch(self.path, self.interval_s, self.settle_s, self.delete, self.conn_id)

    def _fallback(self, arguments: dict[str, Any]) -> None:  # noqa: ARG002 - the base's
        self.path, self.interval_s, self.settle_s, self.delete, self.conn_id = "unnamed", 5.0, 2.0, False, None


class FileDeleteTrigger(FileWatcher):
    """Airflow's trigger of this name: a `FileWatcher` that deletes the file.

    Args:
        filepath: Its path.
        poke_interval: Seconds between two looks.
    """

    def __init__(self, filepath: Any, poke_interval: float | timedelta = 5.0) -> None:  # noqa: ANN401 - checked by the base
        super().__init__(filepath, interval=poke_interval, delete=True)


class DirectoryFileDeleteTrigger(FileDeleteTrigger):
    """Airflow's trigger of this name: a `FileWatcher` of one file of a folder, which it deletes.

    Args:
        directory: The folder.
        filename: Name of the file in it.
        poke_interval: Seconds between two looks.
    """

    def __init__(self, *, directory: str, filename: str, poke_interval: float | timedelta = 5.0) -> None:
        super().__init__(f"{directory}/{filename}", poke_interval)


class AssetWatcher(FileWatcher):
    """Airflow's watcher, as far as it watches for files: it is its trigger.

    Args:
        name: For people; nothing is made of it.
        trigger: A `FileWatcher` or `FileDeleteTrigger`.
    """

    def __init__(self, name: str, trigger: Any) -> None:  # noqa: ANN401 - checked here
        if not isinstance(trigger, FileWatcher):
            problem = f"the trigger of watcher {name!r} is {trigger!r:.200}; what is watched for are files: write FileWatcher(path)."
            raise AuthoringError([f"{problem} Tell of what else happens by `penstock assets event`."])
        self.path, self.interval_s, self.settle_s = trigger.path, trigger.interval_s, trigger.settle_s
        self.delete, self.conn_id = trigger.delete, trigger.conn_id


def checked_watchers(value: Any) -> tuple[FileWatcher, ...]:  # noqa: ANN401 - what an author wrote
    """The watchers of an asset; raises AuthoringError for anything else."""
    if not isinstance(value, list | tuple) or not all(isinstance(each, FileWatcher) for each in value):
        raise AuthoringError(
            [f"watchers is {value!r:.200}; write a list of them, such as [FileWatcher('inbox/*.csv')]."]
        )
    return tuple(value)


def _checked_path(value: Any) -> str:  # noqa: ANN401 - what an author wrote
    from penstock.model.assets.file_watch import LONGEST_PATH  # noqa: PLC0415 - as above

    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str) or not path or not path.isprintable():
        raise AuthoringError([f"path is {value!r:.200}; write the path of a file, such as 'inbox/*.csv', or a URL."])
    if (length := len(path.encode())) > LONGEST_PATH:
        raise AuthoringError([f"path has {length:,} bytes, and may have {LONGEST_PATH:,}: {path[:60]!r}..."])
    return path


def _seconds(name: str, value: Any, least: float) -> float:  # noqa: ANN401 - what an author wrote
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not least <= seconds <= _LONGEST_S:
        raise AuthoringError(
            [f"{name} is {value!r:.200}; write {least:g} to {_LONGEST_S:,.0f} seconds, or a timedelta."]
        )
    return float(seconds)
