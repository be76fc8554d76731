"""The process of watchers, and what it is killed at."""

import os
import select
import signal
import subprocess
import sys
from functools import partial

import pytest

from penstock.app.compose import installation
from penstock.app.loader import start_what_is_needed, starter
from penstock.app.watchers import InstallationLook
from penstock.author.runtime import current
from penstock.cli import root
from penstock.model.assets.asset_condition import AssetSpec
from penstock.model.assets.file_watch import FileWatch
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.request import ReportAssetEvent
from penstock.model.source import ParsedFile
from penstock.settings import load_settings
from penstock.store import LoaderCatalog
from penstock.tries.store_runtime import StoreRuntime

WATCHERS = [sys.executable, "-P", "-c", "import sys; from penstock.app.watchers import main; sys.exit(main())"]


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """An installation with an asset that is watched for files of its inbox, of which there are three."""
    monkeypatch.chdir(tmp_path)
    assert root.run(["init", "--no-example"], {}) == 0
    (tmp_path / "inbox").mkdir()
    for name in "abc":
        (tmp_path / "inbox" / name).write_text(name)
    with installation(load_settings({}, tmp_path)) as found:
        asked = []
        catalog = LoaderCatalog(found.store, dict.fromkeys, found.now, partial(start_what_is_needed, asked.append))
        watched = AssetSpec("orders", "orders", watchers=(FileWatch("inbox/*", 0.1, 0.0),))
        dag = DagSpec("sales", "sales.py", (TaskSpec("a", inlets=("orders",)),), assets={"orders": watched})
        catalog.save(ParsedFile("sales.py", "s", {}, {}, None, found.now(), 0.1, (dag,)))
        catalog.close()
        assert asked == [b"w"]
        yield found


@pytest.fixture
def look(opened):
    """The looks of the installation, whose paths begin at the project's folder."""
    looker, outside = InstallationLook(opened, StoreRuntime(opened.vault)), current.get()
    yield lambda path, leftover=(): looker(FileWatch(path), leftover)
    assert current.get() is outside, "a look leaves nothing behind of what its store may ask"


def paths_told(opened):
    """The files that were told of, from the project's inbox."""
    inbox = f"{opened.settings.root.absolute()}/inbox/"
    asked = (request for _, request in opened.store.requests.pending())
    return sorted(each.extra["path"].removeprefix(inbox) for each in asked if isinstance(each, ReportAssetEvent))


def test_files_are_told_of_once_whenever_it_is_killed(opened, tmp_path):
    armed = tmp_path / "armed"
    armed.mkdir()
    told = []
    for name in ("watchers.report.before", "watchers.report.after"):
        (armed / name).touch()
        process = subprocess.run(
            WATCHERS,
            env={**os.environ, "PENSTOCK_FAILPOINTS": str(armed)}, timeout=60, check=False,
        )  # fmt: skip
        assert process.returncode == -signal.SIGKILL, name
        told.append(paths_told(opened))
    assert told == [[], ["a", "b", "c"]]
    wakeup = opened.store.wakeups.listen()
    (tmp_path / "inbox" / "d").write_text("d")
    with subprocess.Popen(WATCHERS) as again:
        assert select.select([wakeup], [], [], 60)[0]
        again.terminate()
        assert again.wait(60) == 0
    wakeup.close()
    assert paths_told(opened) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("path", ["inbox/*", "file://{folder}/inbox/*", "{folder}/inbox/", "inbox/"])
def test_a_path_begins_at_the_project_or_is_whole_or_a_url(look, tmp_path, path):
    assert len(look(path.format(folder=tmp_path)).found) == 3


def test_a_file_is_deleted_only_as_it_was_found(look, tmp_path):
    found = look("inbox/[ab]").found
    (tmp_path / "inbox" / "a").write_text("another")
    assert sorted(each.path for each in look("inbox/*", found).found) == [f"{tmp_path}/inbox/{name}" for name in "ac"]


def test_what_a_store_or_its_lack_raises_is_a_sentence(look):
    found = look("nobodys://b/*")
    assert (found.found, "The URL scheme 'nobodys' needs a provider" in found.problem) == ([], True), found.problem


def test_the_loader_asks_for_each_process_once(tmp_path):
    reading, writing = os.pipe()
    start = starter(writing)
    for mark in (b"w", b"n", b"w"):
        start(mark)
    os.close(writing)
    assert os.read(reading, 9) == b"wn"
    os.close(reading)
    starter(None)(b"n")
