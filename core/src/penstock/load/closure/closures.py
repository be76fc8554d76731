"""Which files of the DAGs folder a DAG file's runs may read: its closure, to which their versions are pinned.

A run reads more than the import of its file has read: modules that are imported inside a task, queries, scripts and templates.
Nobody can know them all without running the code, but code that reads a file has to name it. So the closure holds

- the files that the import read, and those that lie in a folder which it listed, other DAG files apart;
- the modules of the folder that an import statement names, wherever it stands;
- the files whose path ends with a word of the text, such as ``daily.sql``, or ``.sql`` in ``f"{name}.sql"``; all that lie in a folder
  which the text names, other DAG files apart; and those beside a Python file that have its name before their ending;

and the same of each of these in turn. It is rather too large than too small: a file too many costs a version that says nothing new, one
too few breaks a run.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from penstock.load.closure.folder_names import FolderNames
from penstock.load.closure.mentions import Mentions, mentions
from penstock.load.snapshot import Snapshot

MOST_READ_BYTES = 1 << 20
"""How much of a file is looked at for what it names."""


class Closures:
    """The closures of the DAG files of a folder, each worked out again only when something in it has changed."""

    def __init__(self) -> None:
        self._files: Mapping[str, str] = {}
        self._folder = Path()
        self._dag_files: frozenset[str] = frozenset()
        self._names = FolderNames(())
        self._direct: dict[str, frozenset[str]] = {}
        self._known: dict[str, tuple[tuple[object, ...], frozenset[str]]] = {}

    def look_at(self, snapshot: Snapshot, dag_files: Iterable[str]) -> None:
        """Take a newer snapshot of the folder, and which of its files are DAG files."""
        listed = frozenset(dag_files)
        before, self._files = self._files, snapshot.files
        self._folder = snapshot.path
        if before.keys() != self._files.keys() or listed != self._dag_files:
            self._names, self._dag_files = FolderNames(sorted(self._files)), listed
            self._direct.clear()
            self._known.clear()
            return
        changed = {name for name, found in self._files.items() if before[name] != found}
        for name in changed & self._direct.keys():
            del self._direct[name]
        self._known = {name: known for name, known in self._known.items() if changed.isdisjoint(known[1])}

    def of(self, file: str, sources: Collection[str], variables: Mapping[str, str | None]) -> dict[str, str]:
        """The closure of a DAG file: content hashes by path.

        Args:
            file: The DAG file.
            sources: What its import read: files, and folders that it listed, whose paths end with ``/``.
            variables: The Variables that it read, whose text may name files, too.
        """
        given = (frozenset(sources), tuple(sorted(variables.items())))
        known = self._known.get(file)
        if known is None or known[0] != given:
            known = self._known[file] = (given, self._reached({file, *sources}, variables))
        return {name: self._files[name] for name in sorted(known[1])}

    def _reached(self, read: Iterable[str], variables: Mapping[str, str | None]) -> frozenset[str]:
        found: set[str] = set()
        for source in read:
            found.update(self._listed(source) if source.endswith("/") else {source} & self._files.keys())
        for text in variables.values():
            found |= self._named_by(mentions(f'"{text}"', is_python=False), "")
        left = deque(found)
        while left:
            more = self._named_in(left.popleft()) - found
            found |= more
            left.extend(more)
        return frozenset(found)

    def _listed(self, folder: str) -> Iterable[str]:
        prefix = folder.removeprefix("./").lstrip("/")
        names = self._names.below(prefix.rstrip("/")) if prefix else self._files
        return {name for name in names if "/" not in name.removeprefix(prefix)} - self._dag_files

    def _named_in(self, name: str) -> frozenset[str]:
        """What the text of a file names."""
        found = self._direct.get(name)
        if found is None:
            found = self._direct[name] = frozenset(self._read(name))
        return found

    def _read(self, name: str) -> set[str]:
        with (self._folder / name).open("rb") as file:
            data = file.read(MOST_READ_BYTES)
        if b"\0" in data:
            return set()
        is_python = name.endswith(".py")
        found = self._named_by(mentions(data.decode(errors="replace"), is_python=is_python), name)
        return found.union(self._names.namesakes(name)) if is_python else found

    def _named_by(self, mentioned: Mentions, name: str) -> set[str]:
        place = name.split("/")[:-1]
        found: set[str] = set()
        for dots, module, members in mentioned.imports:
            named = [part for part in module.split(".") if part]
            # One dot is the package of the file, each further one the package around it. Without one, the folder of the
            # file may be on sys.path, too.
            bases = ([], place) if not dots else (place[: len(place) - dots + 1],)
            for base in bases:
                parts = [*base, *named]
                found.update(self._names.module(parts))
                found.update(*(self._names.module([*parts, member]) for member in members))
        for module in mentioned.modules:
            parts = [part for part in module.split(".") if part]
            found.update(self._names.module(parts), self._names.module([*place, *parts]))
            if module.endswith("."):
                found.update(self._names.below("/".join(parts)), self._names.below("/".join([*place, *parts])))
        for word in mentioned.endings:
            found |= self._names.ending_with(word)
        for word in mentioned.words:
            files, below = self._names.named(word)
            found |= files | (below - self._dag_files)
        return found
