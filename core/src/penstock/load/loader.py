"""Keeps the stored DAGs true to the DAGs folder: imports what changed, and only that."""

import select
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from penstock.errors import ConfigError
from penstock.load.discover import dag_files
from penstock.load.loader_store import LoaderStore
from penstock.load.owners import DagOwners, duplicate_dag
from penstock.load.parser import Parser
from penstock.load.snapshot import Snapshot, Snapshots
from penstock.load.watch import FolderWatcher
from penstock.model.source import ParsedFile

_RETRY_S = 5.0
_NEVER_S = 86400.0  # a look a day does no harm
_GROUP = 64
_GROUP_TIME = timedelta(seconds=0.25)


class Loader:
    """One look at the folder is `scan`; `run` looks whenever there is a reason to.

    A file is imported if it is new, if its text or a file that its import read has changed, if a Variable that it read
    has another value now, or if the refresh interval that it asked for has passed. A file whose last import was no
    good is imported again when the loader starts, because what was wrong may have been the environment.

    Args:
        folder: The DAGs folder.
        state: The state folder.
        store: Keeps what was imported.
        parser: Imports files.
        clock: Tells the present, aware UTC.
        log: Takes what the user should know, a line each.
        maintain: Does a portion of other work while there is no reason to look; returns the seconds until the next one.
    """

    def __init__(
        self,
        folder: Path,
        state: Path,
        store: LoaderStore,
        parser: Parser,
        clock: Callable[[], datetime],
        log: Callable[[str], None],
        maintain: Callable[[], float] = lambda: _NEVER_S,
    ) -> None:
        self._folder, self._snapshots = folder, Snapshots(folder, state)
        self._store, self._parser, self._clock, self._log = store, parser, clock, log
        self._maintain = maintain
        self._files: dict[str, ParsedFile] = {}
        self._owners = DagOwners()
        self._retry: set[str] = set()
        self._warned: set[str] = set()
        self._unsaved: list[ParsedFile] = []
        self._unsaved_since = clock()
        self._current = ""
        self._started = False

    def run(self, stop: int) -> None:
        """Look now, then whenever files or Variables change or an interval passes, until ``stop`` is readable."""
        watch: FolderWatcher | None = None
        try:
            while True:
                if watch is not None and not watch.alive:
                    watch.close()
                    watch = None
                if watch is None and self._folder.is_dir():
                    watch = FolderWatcher(self._folder)
                due = self._scan_all()
                if self._wait(watch, due if watch is not None else _RETRY_S, stop):
                    return
        finally:
            if watch is not None:
                watch.close()
            self._parser.close()

    def scan(self) -> None:
        """Take a snapshot, import the files that changed, and store the results.

        Raises:
            ConfigError: If the DAGs folder or the state folder cannot be used; nothing is retired then.
        """
        if not self._started:
            self._start()
        snapshot = self._snapshots.take()
        for warning in snapshot.warnings:
            if warning not in self._warned:
                self._log(warning)
        self._warned = set(snapshot.warnings)
        present = dag_files(snapshot, self._folder)
        for name in sorted(self._files.keys() - set(present)):
            self._retire(name)
        stale = self._stale(present, snapshot)
        self._retry.clear()
        # A file that is broken now keeps the snapshot in which it was not.
        fresh = {name for name in set(present) - set(stale) if not self._files[name].problems}
        if fresh and snapshot.hash != self._current:
            self._store.adopt(snapshot.hash, sorted(fresh))
        try:
            for parsed in self._parser.parse(str(snapshot.path), stale):
                self._accept(parsed, snapshot)
        finally:
            self._flush()
        self._clean(snapshot)

    def _start(self) -> None:
        """Remember what the store knows."""
        self._files = dict(self._store.files())
        self._retry = {name for name, known in self._files.items() if known.problems}
        for name, known in self._files.items():
            self._owners.assign(name, known.dag_ids)
        self._started = True

    def _scan_all(self) -> float | None:
        """Scan, and say in how many seconds at most the next look is due."""
        try:
            self.scan()
            while self._retry:
                self.scan()
        except ConfigError as error:
            self._log(str(error))
            return _RETRY_S
        return self._next_refresh()

    def _wait(self, watch: FolderWatcher | None, timeout_s: float | None, stop: int) -> bool:
        """Wait for a reason to look, doing maintenance meanwhile; returns True if it is time to stop."""
        waited = [stop, self._store.fileno(), *([watch.fileno()] if watch is not None else [])]
        until = self._clock() + timedelta(seconds=_NEVER_S if timeout_s is None else timeout_s)
        while True:
            left, pause = (until - self._clock()).total_seconds(), self._maintain()
            ready, _, _ = select.select(waited, [], [], max(0.0, min(left, pause)))
            if ready or pause >= left:
                break
        if stop in ready:
            return True
        if self._store.fileno() in ready:
            self._store.drain()
        if watch is not None:
            watch.drain()
        return False

    def _stale(self, present: Iterable[str], snapshot: Snapshot) -> list[str]:
        keys = {key for known in self._files.values() for key in known.variables}
        values = self._store.variables(sorted(keys)) if keys else {}
        now = self._clock()
        return [name for name in present if self._is_stale(name, snapshot, values, now)]

    def _is_stale(self, name: str, snapshot: Snapshot, values: Mapping[str, str | None], now: datetime) -> bool:
        known = self._files.get(name)
        if known is None or name in self._retry:
            return True
        if known.refresh_s is not None and now >= known.parsed_at + timedelta(seconds=known.refresh_s):
            return True
        if any(snapshot.source_hash(source) != found for source, found in known.sources.items()):
            return True
        return any(values.get(key) != value for key, value in known.variables.items())

    def _accept(self, parsed: ParsedFile, snapshot: Snapshot) -> None:
        """Keep what an import gave, unless another file defines one of its DAGs."""
        problems = parsed.problems
        if not problems:
            conflicts, freed = self._owners.assign(parsed.file, [dag.dag_id for dag in parsed.dags])
            self._retry |= freed
            problems = tuple(duplicate_dag(dag_id, parsed.file, other) for dag_id, other in conflicts)
            for dag_id, other in conflicts:
                self._add_conflict(other, duplicate_dag(dag_id, other, parsed.file), snapshot)
        hashes = {source: snapshot.source_hash(source) for source in parsed.sources}
        sources = {source: found for source, found in hashes.items() if found is not None}
        kept = replace(parsed, sources=sources, problems=problems, dags=() if problems else parsed.dags)
        self._save(kept)
        self._report(kept)

    def _add_conflict(self, name: str, problem: str, snapshot: Snapshot) -> None:
        """Show a problem with a file that was fine until another one came; its DAGs stay as they are."""
        known = self._files.get(name)
        if known is None or problem in known.problems:
            return
        self._log(problem)
        self._save(replace(known, snapshot=snapshot.hash, problems=(*known.problems, problem)))

    def _save(self, parsed: ParsedFile) -> None:
        now = self._clock()
        if not self._unsaved:
            self._unsaved_since = now
        self._unsaved.append(parsed)
        if len(self._unsaved) >= _GROUP or now - self._unsaved_since >= _GROUP_TIME:
            self._flush()
        before = self._files.get(parsed.file)
        owned = tuple(dag.dag_id for dag in parsed.dags)
        if parsed.problems:
            owned = before.dag_ids if before is not None else ()
        # The DAGs themselves are in the store, and need no memory here.
        self._files[parsed.file] = replace(parsed, dags=(), dag_ids=owned, output="")

    def _flush(self) -> None:
        """Store what was found since the last time: many results share a transaction, none waits long."""
        if self._unsaved:
            self._store.save(*self._unsaved)
            self._unsaved.clear()

    def _retire(self, name: str) -> None:
        self._store.retire(name)
        del self._files[name]
        self._retry |= self._owners.remove(name)
        self._log(f"{name}: it is gone, so its DAGs are retired; runs that live go on")

    def _clean(self, snapshot: Snapshot) -> None:
        if snapshot.hash != self._current:
            self._current = snapshot.hash
            self._snapshots.remove_unused({snapshot.hash, *self._store.live_snapshots()})

    def _next_refresh(self) -> float | None:
        """Seconds until the first file wants to be imported again; None if none does."""
        now = self._clock()
        waits = [
            (known.parsed_at - now).total_seconds() + known.refresh_s
            for known in self._files.values()
            if known.refresh_s is not None
        ]
        return max(0.0, min(waits)) if waits else None

    def _report(self, parsed: ParsedFile) -> None:
        for problem in (*parsed.problems, *(f"{note} (a note)" for note in parsed.notes)):
            self._log(problem)
        if not parsed.problems:
            count = len(parsed.dags)
            plural = "" if count == 1 else "s"
            self._log(f"{parsed.file}: {count} DAG{plural}, imported in {parsed.duration_s * 1e3:.0f} ms")
        for line in parsed.output.splitlines():
            self._log(f"{parsed.file} printed: {line}")
