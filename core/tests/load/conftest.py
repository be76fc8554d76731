"""A folder of DAG files, and a store in memory that behaves as the real one."""

import contextlib
import os
import textwrap
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from penstock.errors import ConfigError
from penstock.load.loader import Loader
from penstock.load.parse.messages import ParseConfig
from penstock.load.parse.parser import Parser

HEADER = "from datetime import UTC, datetime, timedelta\nfrom penstock import *\n"


class MemoryStore:
    """What the store does for the loader, in dicts; `tests/store` holds the real one to the same promises."""

    def __init__(self, variables=None):
        self.known, self.dags, self.saved = {}, {}, []
        self.present, self.past, self.planned = dict(variables or {}), {}, {}
        self.away, self.cut = set(), False
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)

    def files(self):
        return dict(self.known)

    def save(self, *parsed):
        for each in parsed:
            self.saved.append(each.file)
            self.planned |= each.planned
            owned = {dag_id for dag_id, (file, *_) in self.dags.items() if file == each.file}
            if not each.problems:
                for dag_id in owned - {dag.dag_id for dag in each.dags}:
                    del self.dags[dag_id]
                self.dags |= {dag.dag_id: (each.file, each.snapshot, dag) for dag in each.dags}
                owned = {dag.dag_id for dag in each.dags}
            self.known[each.file] = replace(each, snapshot="", dags=(), dag_ids=tuple(sorted(owned)), output="")

    def adopt(self, snapshots):
        self.dags = {dag_id: (file, snapshots.get(file, old), dag) for dag_id, (file, old, dag) in self.dags.items()}

    def retire(self, file):
        del self.known[file]
        self.dags = {dag_id: row for dag_id, row in self.dags.items() if row[0] != file}

    def cursors(self):
        return self.past

    def snapshots(self):
        return {snapshot for _, snapshot, _ in self.dags.values()}

    def variables(self, keys):
        if self.away & set(keys):
            raise ConfigError("the source 'acme' failed")
        return {key: self.present.get(key) for key in keys}

    def fileno(self):
        return self.reading

    def drain(self):
        self.cut = False
        with contextlib.suppress(BlockingIOError):
            os.read(self.reading, 100)

    def set(self, key, value):
        self.present[key] = value
        os.write(self.writing, b"!")

    def close(self):
        os.close(self.reading)
        os.close(self.writing)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "dags"
    path.mkdir()
    return path


@pytest.fixture
def write(folder):
    """Write a DAG file; returns its path."""

    def run(name, text, header=HEADER):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(header + textwrap.dedent(text).lstrip("\n"))
        return path

    return run


@pytest.fixture
def catalog():
    catalog = MemoryStore()
    yield catalog
    catalog.close()


@pytest.fixture
def lines():
    """What the loader told."""
    return []


@pytest.fixture
def now():
    """The present, as a list of one moment that tests may set."""
    return [datetime(2026, 3, 1, tzinfo=UTC)]


@pytest.fixture
def make_loader(folder, tmp_path, catalog, lines, now):
    made = []

    def run(config=None, folder=folder):
        given = {} if config is None else config
        parser = Parser(lambda: ParseConfig(**{"timeout_s": 20.0, **given}), catalog.variables, lambda: now[0])
        made.append(parser)
        return Loader(folder, tmp_path / "state", catalog, parser, lambda: now[0], lines.append)

    yield run
    for parser in made:
        parser.close()


@pytest.fixture
def loader(make_loader):
    return make_loader()
