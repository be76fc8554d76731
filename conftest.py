"""What the tests of the whole workspace share: the order in which several workers take them, its wheels, and a browser."""

import fcntl
import gc
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import hypothesis
import hypothesis.internal.conjecture.providers as hypothesis_values
import pytest
from xdist.scheduler import LoadGroupScheduling

import wheels
from penstock_testkit.nightly import NIGHTLY

everyday = hypothesis.settings.get_profile("ci")
if NIGHTLY:  # other examples each night, and more where a test does not say how many; a failure says how to play its example again
    hypothesis.settings.register_profile("nightly", everyday, derandomize=False, max_examples=300)
else:
    hypothesis.settings.register_profile("ci", everyday, max_examples=40)
    # It draws constants of the modules that are imported, which it parses all in each worker: what is drawn would depend on the tests
    # that ran there before, and no failure would be seen again by its test alone.
    hypothesis_values._get_local_constants = lambda: hypothesis_values._local_constants  # noqa: SLF001 - no setting does it

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

SERVER = Path(__file__).parent / "server"
CHROMIUM_WORDS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


MEMORY, LEAST_BYTES = Path("/dev/shm"), 6 << 30  # noqa: S108 - mkdtemp makes a private directory in it


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the word by which what tests write lies in memory."""
    parser.addoption("--in-memory", action="store_true", help="put what tests write into /dev/shm, where that has room")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have what tests write lie in memory for as long as they run: thousands of commits wait for no disk."""
    if config.getoption("in_memory") and config.option.basetemp is None and _has_room():
        folder = tempfile.mkdtemp(prefix="tests-", dir=MEMORY)
        config.option.basetemp = f"{folder}/of"
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        os.environ["UV_LINK_MODE"] = (
            "copy"  # nothing of its cache can be linked into memory, and it would say so each time
        )


def _has_room() -> bool:
    if not MEMORY.is_dir() or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:  # environments are made there, too
        return False
    known = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return min(shutil.disk_usage(MEMORY).free, int(known["MemAvailable"].split()[0]) << 10) >= LEAST_BYTES


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while tests are collected, and leave what was imported and collected out of each later look.

    There is none in it, in a million objects; and a forked test copies no page of them.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what may take long, so that no worker is left alone with it when the others have nothing more to do.

    A test that may take long is one that is given more time than others.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _limit_s(item, float(config.getini("timeout"))), reverse=True)


class ModuleScheduling(LoadGroupScheduling):
    """Gives the tests of a package to workers module by module, where they are in no group; those across packages one by one.

    What a module's tests share, and import on first use, is made once. xdist counts all that a worker had at each test's end, so that
    nine thousand tests one by one take it five times as long.

    Every other worker takes modules for as long as there are any, and the others what is no module: that waits for its
    processes, most of it, and beside what computes no processor waits with it.
    """

    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        path, _, name = nodeid.partition("::")
        return path if scope == nodeid and name and not path.startswith("tests/") else scope

    def _assign_work_unit(self, node: "WorkerController") -> None:
        modules = int(node.gateway.id.removeprefix("gw")) % 2 == 1
        chosen = next((scope for scope in self.workqueue if scope.endswith(".py") == modules), None)
        if chosen is not None:
            self.workqueue.move_to_end(chosen, last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> LoadGroupScheduling | None:
    """Keep the groups of ``--dist loadgroup``, and modules together."""
    return ModuleScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


def _limit_s(item: pytest.Item, usual: float) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker else usual


@pytest.fixture(scope="session")
def workspace_wheels(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The folder of the wheels of all packages, which are built once for all workers; it is only read."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if hasattr(request.config, "workerinput") else own) / "workspace-wheels"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a worker that dies lets it go
        if not folder.exists():
            building = folder.with_suffix(".building")
            wheels.build_wheels(Path(__file__).parent, building)
            building.rename(folder)
    return folder


@pytest.fixture(scope="session")
def ui_build() -> ModuleType:
    """What builds the UI."""
    spec = importlib.util.spec_from_file_location("ui_build", SERVER / "hatch_build.py")
    if spec is None or spec.loader is None:
        pytest.fail("hatch_build.py of the server cannot be read")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def node(ui_build: ModuleType) -> Callable[..., str]:
    """Runs programs of Node.js."""
    run: Callable[..., str] = ui_build.node
    return run


@pytest.fixture(scope="session")
def chromium(node: Callable[..., str]) -> Path:
    """The path of a Chromium; its absence is a failure."""
    home = SERVER / "tests" / "browser"
    folder = home / "node_modules" / ".browser"
    with home.joinpath("package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of workers that ask for it at once, one unpacks it
        if not (folder / "chromium").exists():
            node("npm", "ci", "--ignore-scripts", folder=home)
            folder.mkdir(exist_ok=True)
            before, os.environ["TMPDIR"] = os.environ.get("TMPDIR"), str(folder)
            try:
                node("node", "path.mjs", folder=home)
            finally:
                os.environ.pop("TMPDIR") if before is None else os.environ.update(TMPDIR=before)
    return folder / "chromium"


@pytest.fixture(scope="module")  # while it is there, its thread has an event loop, in which no other test can run one
def browser(chromium: Path) -> "Iterator[Browser]":
    """A Chromium that is started."""
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415 - few tests need it

    expect.set_options(timeout=20_000)  # its own 5 s are too few for a page beside a suite that fills the machine
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(chromium), args=list(CHROMIUM_WORDS))
        yield launched
        launched.close()
