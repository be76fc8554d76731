"""Keeps the stored DAGs true to the DAGs folder: imports what changed, and only that."""

import select
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from penstock.errors import DataRefusedError, PenstockError, StoreError, as_sentence
from penstock.load.closure.closures import Closures
from penstock.load.discover import DagFiles
from penstock.load.folder import WHOLE, Watched, is_left_out
from penstock.load.loader_store import LoaderStore
from penstock.load.owners import DagOwners, duplicate_dag
from penstock.load.pace import Pace
from penstock.load.parse.messages import UNANSWERED
from penstock.load.parse.parser import Parser
from penstock.load.present_variables import PresentVariables
from penstock.load.snapshot import Snapshot, Snapshots
from penstock.load.watch import FolderWatcher
from penstock.metrics.metrics_table import BROKEN_FILES, IMPORT_DURATION, IMPORTS
from penstock.metrics.recorder import OFF, Recorder
from penstock.model.names import error_sentence, visible
from penstock.model.source import ParsedFile
from penstock.model.text import counted
from penstock.processes.failpoint import failpoint

_RETRY_S = 5.0
_SETTLED_S = 1.0
_NEVER_S = 86400.0  # a look a day does no harm
_LOOK_S = 5.0  # a provider that a broken file waits for may have been installed
_HEARS_S = 30.0  # whether a word of a Variable would still be heard
_GROUP = 256
_GROUP_TIME = timedelta(seconds=0.5)
_LINES, _LINE = 20, 300  # of what a file printed, on the terminal
_REFUSED = (DataRefusedError, ValueError, TypeError, OverflowError)
"""What the store raises for the data of a file."""


class Loader:
    """One look at the folder is `scan`; `run` looks whenever there is a reason to.

    A file is imported if it is new, if its text or a file that its import read has changed, if a Variable that it read
    has another value now, or if the refresh interval that it asked for has passed. A file whose last import was no
    good is imported again when the loader starts and when another provider is installed, because what was wrong may have been
    the environment. If something else of its closure has changed, its DAGs get other versions without an import.

    Args:
        folder: The DAGs folder.
        state: The state folder.
        store: Keeps what was imported.
        parser: Imports files.
        clock: Tells the present, aware UTC.
        log: Takes what the user should know, a line each.
        maintain: Does a portion of other work while there is no reason to look; returns the seconds until the next one.
        variables_s: Seconds after which Variables may have changed without a word to the store; None for never.
    """

    def __init__(  # noqa: PLR0913 - what it is made of is handed in, part by part
        self,
        folder: Path,
        state: Path,
        store: LoaderStore,
        parser: Parser,
        clock: Callable[[], datetime],
        log: Callable[[str], None],
        maintain: Callable[[], float] = lambda: _NEVER_S,
        *,
        variables_s: float | None = None,
        metrics: Recorder = OFF,
    ) -> None:
        self._folder, self._snapshots = folder, Snapshots(folder, state)
        self._store, self._parser, self._clock = store, parser, clock
        self._print, self._metrics = log, metrics
        self._maintain, self._variables_s = maintain, variables_s
        self._variables = PresentVariables(store, self._log)
        self._snapshot: Snapshot
        self._importing: dict[str, Snapshot] = {}
        self._files: dict[str, ParsedFile] = {}
        self._owners = DagOwners()
        self._dag_files, self._closures, self._pace = DagFiles(), Closures(), Pace()
        self._pinned: dict[str, str] = {}
        self._retry: set[str] = set()
        self._unsaved: list[ParsedFile] = []
        self._unsaved_since = clock()
        self._current = self._fault = self._message = ""
        self._looked_at = Watched()
        self._started, self._pause_s = False, 0.0
        self._stop: int | None = None

    def run(self, stop: int) -> None:
        """Look now, then whenever files or Variables change or an interval passes, until ``stop`` is readable."""
        self._stop = stop
        watch: FolderWatcher | None = None
        try:
            while True:
                due = self._scan_all()
                watch, due = self._watched(watch, due)
                if self._paused(stop) or self._wait(watch, due, stop):
                    return
        finally:
            if watch is not None:
                watch.close()
            self._parser.close()

    def _paused(self, stop: int) -> bool:
        """Leave a folder alone for a while that changes all the time; returns True if it is time to stop."""
        if self._pause_s and self._pace.why:
            self._leave_out({WHOLE: self._pace.why})
        until = time.monotonic() + self._pause_s
        while True:
            imports = self._parser.fileno()
            waited = [stop, *([imports] if imports is not None else [])]
            ready, _, _ = select.select(waited, [], [], max(0.0, until - time.monotonic()))
            if stop in ready:
                return True
            if imports in ready:
                self._accept_all(self._parser.collect())
            elif not ready:
                return False

    def _watched(self, watch: FolderWatcher | None, due: float | None) -> tuple[FolderWatcher | None, float | None]:
        """Watch the folders that were just looked into; with it in how many seconds at most the next look is due."""
        fault = "" if watch is None else watch.fault
        if watch is not None and (fault or watch.is_outdated or watch.watched != self._looked_at):
            watch.close()
            watch = None
        if fault and fault != self._fault:
            self._log(
                f"the DAGs folder cannot be watched: {as_sentence(fault)} It is looked at every {_RETRY_S:g} s instead."
            )
        self._fault = fault or self._fault
        if watch is not None:
            return watch, due
        if fault or not self._looked_at.folders:
            return None, _RETRY_S
        # What has changed between the look and the watch is found by another look.
        return FolderWatcher(self._folder, self._looked_at), _SETTLED_S if due is None else min(due, _SETTLED_S)

    def scan(self) -> None:
        """Take a snapshot, import the files that changed, and store the results.

        Raises:
            ConfigError: If the DAGs folder or the state folder cannot be used; nothing is retired then.
        """
        if not self._started:
            self._start()
        if self._parser.refresh():
            self._retry |= {name for name, known in self._files.items() if known.problems}
        self._looked_at = Watched()
        snapshot = self._snapshots.take()
        self._looked_at = snapshot.watched
        present = self._dag_files.of(snapshot)
        for name in sorted(self._files.keys() - {*present, *snapshot.left_out}):
            if not is_left_out(name, snapshot.left_out):
                self._retire(name)
        self._leave_out(snapshot.left_out)
        pending = self._still_pending(snapshot)
        stale = [name for name in self._stale(present, snapshot) if name not in pending]
        self._retry.clear()
        if snapshot.hash != self._current:
            self._closures.look_at(snapshot, present)
            # A file that is broken now keeps the snapshot in which it was not.
            self._adopt(name for name in set(present) - {*stale, *pending} if not self._files[name].problems)
        cursors = self._store.cursors() if stale else {}
        self._importing = {**{name: self._importing[name] for name in pending}, **dict.fromkeys(stale, snapshot)}
        self._snapshot = snapshot
        patient = self._stop is None
        self._accept_all(self._parser.parse(str(snapshot.path), stale, self._stop, cursors, patient=patient))
        self._clean(snapshot)
        self._pause_s = self._pace.looked(snapshot.files, time.monotonic())

    def _still_pending(self, snapshot: Snapshot) -> set[str]:
        """The files whose imports go on since an earlier look, and are still worth it; those of others are left."""
        pending = self._parser.pending.keys() & self._importing.keys()
        same = {name for name in pending if snapshot.source_hash(name) == self._importing[name].source_hash(name)}
        self._parser.cancel(pending - same)
        return same

    def _accept_all(self, results: Iterable[ParsedFile]) -> None:
        try:
            for parsed in results:
                self._accept(parsed)
        finally:
            self._flush()

    def _adopt(self, fresh: Iterable[str]) -> None:
        """Have the runs of files that are not imported anew begin with what is in their closures now."""
        pins = {name: self._pin(self._files[name]) for name in fresh}
        moved = {name: pin for name, pin in pins.items() if self._pinned.get(name) != pin}
        if moved:
            self._store.adopt(moved)
            self._pinned |= moved

    def _pin(self, known: ParsedFile) -> str:
        """The snapshot of a file's closure."""
        return self._snapshots.part(self._closures.of(known.file, known.sources, known.variables))

    def _start(self) -> None:
        """Remember what the store knows."""
        self._files = dict(self._store.files())
        self._pinned, self._current = {}, ""
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
        except StoreError:
            raise
        except PenstockError as error:
            return self._failed(str(error))
        except Exception as error:  # noqa: BLE001 - no entry of the folder ends the loader of all others
            self._log(traceback.format_exc())
            return self._failed(
                f"the DAGs folder cannot be loaded, which is a bug in Penstock: {as_sentence(error_sentence(error))}"
            )
        return self._next_refresh()

    def _failed(self, why: str) -> float:
        """Have it known that nothing is loaded, and why; returns the seconds until the next look."""
        self._started = False  # what is remembered may be half of it
        self._leave_out({WHOLE: why})
        return _RETRY_S

    def _leave_out(self, left_out: Mapping[str, str]) -> None:
        """Show why entries of the folder are not loaded; the DAGs of a file among them stay as they were."""
        for name, why in left_out.items():
            stops = name.endswith((".py", "/"))
            known = self._files.get(name)
            if known is not None and why in (known.problems if stops else known.notes):
                continue
            if why != self._message:
                self._log(why)
            self._message = why
            # No file has this hash: it is imported again as soon as it can be.
            entry = ParsedFile(name, "", {name: ""}, {}, None, self._clock(), 0.0)
            self._save(replace(entry, problems=(why,)) if stops else replace(entry, notes=(why,)))
        self._flush()

    def _wait(self, watch: FolderWatcher | None, timeout_s: float | None, stop: int) -> bool:
        """Wait for a reason to look, doing maintenance meanwhile; returns True if it is time to stop."""
        imports = self._parser.fileno()
        watching = [watch.fileno()] if watch is not None else []
        waited = [stop, self._store.fileno(), *watching, *([imports] if imports is not None else [])]
        until = time.monotonic() + (_NEVER_S if timeout_s is None else timeout_s)
        while True:
            left, pause = until - time.monotonic(), self._maintain()
            broken = any(known.problems for known in self._files.values())
            ready, _, _ = select.select(waited, [], [], max(0.0, min(left, pause, _LOOK_S if broken else _HEARS_S)))
            if imports in ready:
                self._accept_all(self._parser.collect())
            cut = self._store.cut
            if ready or cut or (left <= 0) or (broken and self._parser.is_outdated):
                break
        if stop in ready:
            return True
        if cut or self._store.fileno() in ready:
            self._store.drain()
        if watch is not None:
            watch.drain()
        return False

    def _stale(self, present: Iterable[str], snapshot: Snapshot) -> list[str]:
        keys = {key for known in self._files.values() for key in known.variables}
        values = self._variables.of(sorted(keys)) if keys else {}
        now = self._clock()
        return [name for name in present if self._is_stale(name, snapshot, values, now)]

    def _is_stale(self, name: str, snapshot: Snapshot, values: Mapping[str, str | None], now: datetime) -> bool:
        known = self._files.get(name)
        if known is None or name in self._retry:
            return True
        if known.refresh_s is not None and now >= known.parsed_at + timedelta(seconds=known.refresh_s):
            return True
        if any((snapshot.source_hash(source) or "") != found for source, found in known.sources.items()):
            return True
        return any(key in values and values[key] != value for key, value in known.variables.items())

    def _accept(self, parsed: ParsedFile) -> None:
        """Keep what an import gave, unless another file defines one of its DAGs, or what it read has changed meanwhile."""
        snapshot, read = self._snapshot, self._importing.pop(parsed.file, self._snapshot)
        if any(snapshot.source_hash(source) != read.source_hash(source) for source in parsed.sources):
            self._retry.add(parsed.file)
            return
        parsed = replace(parsed, snapshot=snapshot.hash)
        problems = parsed.problems
        if not problems:
            conflicts, freed = self._owners.assign(parsed.file, [dag.dag_id for dag in parsed.dags])
            self._retry |= freed
            problems = tuple(duplicate_dag(dag_id, parsed.file, other) for dag_id, other in conflicts)
        sources = {source: snapshot.source_hash(source) or "" for source in parsed.sources}
        kept = replace(parsed, sources=sources, problems=problems, dags=() if problems else parsed.dags)
        if not problems:
            kept = replace(kept, snapshot=self._pin(kept))
            self._pinned[kept.file] = kept.snapshot
        self._save(kept)
        self._report(kept)
        if self._metrics.on:
            self._measure(kept)

    def _measure(self, kept: ParsedFile) -> None:
        self._metrics.record(IMPORTS, 1, "broken" if kept.problems else "ok")
        self._metrics.record(IMPORT_DURATION, kept.duration_s)
        self._metrics.record(BROKEN_FILES, sum(bool(known.problems) for known in self._files.values()))
        self._metrics.flush()

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
        self._files[parsed.file] = replace(parsed, dags=(), dag_ids=owned, output="", planned={})

    def _flush(self) -> None:
        """Store what was found since the last time: many results share a transaction, none waits long."""
        unsaved, self._unsaved = self._unsaved, []
        try:
            if unsaved:
                failpoint("loader.dags.before")
                self._store.save(*unsaved)
                failpoint("loader.dags.after")
        except _REFUSED:
            for each in unsaved:
                self._save_alone(each)

    def _save_alone(self, parsed: ParsedFile) -> None:
        """Store what was found in one file, or why that cannot be stored."""
        try:
            self._store.save(parsed)
        except _REFUSED as error:
            problem = f"{parsed.file}:1: what it defines cannot be stored: {error_sentence(error)}"
            self._log(problem)
            known = ParsedFile(
                parsed.file, parsed.snapshot, parsed.sources, {}, None, parsed.parsed_at, 0.0, problems=(problem,)
            )
            self._files[parsed.file] = replace(known, dag_ids=self._files[parsed.file].dag_ids)
            self._store.save(known)

    def _retire(self, name: str) -> None:
        self._store.retire(name)
        owned = self._files.pop(name).dag_ids
        self._pinned.pop(name, None)
        self._retry |= self._owners.remove(name)
        if owned:
            self._log(f"{name}: it is gone, so its DAGs are retired; runs that live go on")

    def _clean(self, snapshot: Snapshot) -> None:
        if snapshot.hash != self._current:
            self._current = snapshot.hash
            used = {snapshot.hash, *self._store.snapshots(), *self._parser.pending.values()}
            self._snapshots.remove_unused(used)

    def _next_refresh(self) -> float | None:
        """Seconds until the first file wants to be imported again, or a Variable may have changed; None if that is not to be."""
        now = self._clock()
        waits = [
            (known.parsed_at - now).total_seconds() + known.refresh_s
            for known in self._files.values()
            if known.refresh_s is not None
        ]
        read = {text for known in self._files.values() for text in known.variables.values()}
        if self._variables.faults or UNANSWERED in read:
            waits.append(_RETRY_S)
        elif read and self._variables_s is not None:
            waits.append(self._variables_s)
        return max(0.0, min(waits)) if waits else None

    def _log(self, text: str) -> None:
        self._print("\n".join(map(visible, text.split("\n"))))

    def _report(self, parsed: ParsedFile) -> None:
        for problem in (*parsed.problems, *(f"{note} (a note)" for note in parsed.notes)):
            self._log(problem)
        if not parsed.problems:
            self._log(
                f"{parsed.file}: {counted(len(parsed.dags), 'DAG')}, imported in {parsed.duration_s * 1e3:.0f} ms"
            )
        lines = parsed.output.splitlines()
        for line in lines[:_LINES]:
            cut = line if len(line) <= _LINE else f"{line[:_LINE]}... ({len(line):,} characters)"
            self._log(f"{parsed.file} printed: {cut}")
        if len(lines) > _LINES:
            self._log(f"{parsed.file} printed {len(lines) - _LINES:,} more lines")
