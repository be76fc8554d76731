"""Keeps the stored DAGs true to the DAGs folder: imports what changed, and only that."""

import select
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from penstock.errors import ConfigError
from penstock.load.catalog import Catalog
from penstock.load.claims import Claims, clash
from penstock.load.discover import dag_files
from penstock.load.parser import Parser
from penstock.load.snapshot import Snapshot, Snapshots
from penstock.load.watch import Watch
from penstock.load.wire import Result
from penstock.model.source import KnownFile, ParsedFile

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
        catalog: The store's side.
        parser: Imports files.
        clock: Tells the present, aware UTC.
        tell: Hears what a person should know, a line each.
        chore: Does a portion of other work while there is no reason to look; returns in how many seconds it wants to go
            on.
    """

    def __init__(
        self,
        folder: Path,
        state: Path,
        catalog: Catalog,
        parser: Parser,
        clock: Callable[[], datetime],
        tell: Callable[[str], None],
        chore: Callable[[], float] = lambda: _NEVER_S,
    ) -> None:
        self._folder, self._snapshots = folder, Snapshots(folder, state)
        self._catalog, self._parser, self._clock, self._tell = catalog, parser, clock, tell
        self._chore = chore
        self._files: dict[str, KnownFile] = {}
        self._claims = Claims()
        self._again: set[str] = set()
        self._warned: set[str] = set()
        self._unsaved: list[ParsedFile] = []
        self._current = ""
        self._started = False

    def run(self, stop: int) -> None:
        """Look now, then whenever files or Variables change or an interval passes, until ``stop`` is readable."""
        watch: Watch | None = None
        try:
            while True:
                if watch is not None and not watch.alive:
                    watch.close()
                    watch = None
                if watch is None and self._folder.is_dir():
                    watch = Watch(self._folder)
                due = self._look()
                if self._wait(watch, due if watch is not None else _RETRY_S, stop):
                    return
        finally:
            if watch is not None:
                watch.close()
            self._parser.close()

    def scan(self) -> None:
        """One look: take a snapshot, import what changed, store what came of it.

        Raises:
            ConfigError: If the DAGs folder or the state folder cannot be used; nothing is retired then.
        """
        if not self._started:
            self._start()
        snapshot = self._snapshots.take()
        for warning in snapshot.warnings:
            if warning not in self._warned:
                self._tell(warning)
        self._warned = set(snapshot.warnings)
        present = dag_files(snapshot, self._folder)
        for name in sorted(self._files.keys() - set(present)):
            self._retire(name)
        stale = self._stale(present, snapshot)
        self._again.clear()
        # A file that is broken now keeps the snapshot in which it was not.
        fresh = {name for name in set(present) - set(stale) if not self._files[name].problems}
        if fresh and snapshot.hash != self._current:
            self._catalog.adopt(snapshot.hash, sorted(fresh))
        try:
            for name, result in self._parser.parse(str(snapshot.path), stale):
                self._keep(name, result, snapshot)
        finally:
            self._flush()
        self._clean(snapshot)

    def _start(self) -> None:
        """Remember what the store knows."""
        self._files = dict(self._catalog.files())
        self._again = {name for name, known in self._files.items() if known.problems}
        for name, known in self._files.items():
            self._claims.claim(name, known.dag_ids)
        self._started = True

    def _look(self) -> float | None:
        """Scan, and say in how many seconds at most the next look is due."""
        try:
            self.scan()
            while self._again:
                self.scan()
        except ConfigError as error:
            self._tell(str(error))
            return _RETRY_S
        return self._next_refresh()

    def _wait(self, watch: Watch | None, patience: float | None, stop: int) -> bool:
        """Wait for a reason to look, doing chores meanwhile; returns True if it is time to stop."""
        waited = [stop, self._catalog.fileno(), *([watch.fileno()] if watch is not None else [])]
        until = self._clock() + timedelta(seconds=_NEVER_S if patience is None else patience)
        while True:
            left, pause = (until - self._clock()).total_seconds(), self._chore()
            ready, _, _ = select.select(waited, [], [], max(0.0, min(left, pause)))
            if ready or pause >= left:
                break
        if stop in ready:
            return True
        if self._catalog.fileno() in ready:
            self._catalog.drain()
        if watch is not None:
            watch.drain()
        return False

    def _stale(self, present: Iterable[str], snapshot: Snapshot) -> list[str]:
        keys = {key for known in self._files.values() for key in known.variables}
        values = self._catalog.variables(sorted(keys)) if keys else {}
        now = self._clock()
        return [name for name in present if self._is_stale(name, snapshot, values, now)]

    def _is_stale(self, name: str, snapshot: Snapshot, values: Mapping[str, str | None], now: datetime) -> bool:
        known = self._files.get(name)
        if known is None or name in self._again:
            return True
        if known.refresh_s is not None and now >= known.parsed_at + timedelta(seconds=known.refresh_s):
            return True
        if any(snapshot.source_hash(source) != found for source, found in known.sources.items()):
            return True
        return any(values.get(key) != value for key, value in known.variables.items())

    def _keep(self, name: str, result: Result, snapshot: Snapshot) -> None:
        problems = result.problems
        if not problems:
            rivals, freed = self._claims.claim(name, [dag.dag_id for dag in result.dags])
            self._again |= freed
            problems = tuple(clash(dag_id, name, other) for dag_id, other in rivals)
            for dag_id, other in rivals:
                self._accuse(other, clash(dag_id, other, name), snapshot)
        sources = {source: snapshot.source_hash(source) for source in {name, *result.sources}}
        self._save(
            ParsedFile(
                file=name,
                snapshot=snapshot.hash,
                sources={source: found for source, found in sorted(sources.items()) if found is not None},
                variables=result.variables,
                refresh_s=result.refresh_s,
                parsed_at=self._clock(),
                duration_s=result.duration_s,
                dags=() if problems else result.dags,
                problems=problems,
            )
        )
        self._report(name, result, problems)

    def _accuse(self, name: str, problem: str, snapshot: Snapshot) -> None:
        """Show a problem with a file that was fine until another one came; its DAGs stay as they are."""
        known = self._files.get(name)
        if known is None or problem in known.problems:
            return
        self._tell(problem)
        problems = (*known.problems, problem)
        self._save(
            ParsedFile(
                name, snapshot.hash, known.sources, known.variables, known.refresh_s, known.parsed_at, 0.0, (), problems
            )
        )

    def _save(self, parsed: ParsedFile) -> None:
        self._unsaved.append(parsed)
        if len(self._unsaved) >= _GROUP or self._clock() - self._unsaved[0].parsed_at >= _GROUP_TIME:
            self._flush()
        before = self._files.get(parsed.file)
        kept = before.dag_ids if before is not None else ()
        self._files[parsed.file] = KnownFile(
            parsed.file,
            parsed.sources,
            parsed.variables,
            parsed.refresh_s,
            parsed.parsed_at,
            kept if parsed.problems else tuple(dag.dag_id for dag in parsed.dags),
            parsed.problems,
        )

    def _flush(self) -> None:
        """Store what was found since the last time: many results share a transaction, none waits long."""
        if self._unsaved:
            self._catalog.save(*self._unsaved)
            self._unsaved.clear()

    def _retire(self, name: str) -> None:
        self._catalog.retire(name)
        del self._files[name]
        self._again |= self._claims.drop(name)
        self._tell(f"{name}: it is gone, so its DAGs are retired; runs that live go on")

    def _clean(self, snapshot: Snapshot) -> None:
        if snapshot.hash != self._current:
            self._current = snapshot.hash
            self._snapshots.collect({snapshot.hash, *self._catalog.live_snapshots()})

    def _next_refresh(self) -> float | None:
        """Seconds until the first file wants to be imported again; None if none does."""
        now = self._clock()
        waits = [
            (known.parsed_at - now).total_seconds() + known.refresh_s
            for known in self._files.values()
            if known.refresh_s is not None
        ]
        return max(0.0, min(waits)) if waits else None

    def _report(self, name: str, result: Result, problems: tuple[str, ...]) -> None:
        for problem in problems:
            self._tell(problem)
        if not problems:
            count = len(result.dags)
            self._tell(f"{name}: {count} DAG{'' if count == 1 else 's'}, imported in {result.duration_s * 1e3:.0f} ms")
        for line in result.output.splitlines():
            self._tell(f"{name} printed: {line}")
