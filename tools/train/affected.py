"""Which jobs a change needs: those of the packages that it touches, and of the packages that need these."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import PurePosixPath

from train.packages import Package, dependants

PYTHONS = ("3.11", "3.12", "3.13")
OLDEST, NEWEST = PYTHONS[0], PYTHONS[-1]
CORES = ("head", "latest", "oldest")
_PACKAGE_DOCS = frozenset({"README.md", "CHANGELOG.md", "LICENSE", "changelog.d", "docs"})


class Touch(IntEnum):
    """How deep a change goes into a package."""

    DOCS = 1
    TESTS = 2
    SOURCE = 3


@dataclass(frozen=True, order=True)
class Job:
    """One session of nox.

    Attributes:
        session: What ``nox -s`` is given.
        words: What stands behind ``--``.
    """

    session: str
    words: str = ""


_ALL = Job("tests")
_SITE = Job("site")
_CROSSING = Job(f"unit-{OLDEST}", "tests/e2e tests/packaging")
_PROMTOOL = Job("promtool")
_DEPLOY = Job(f"unit-{OLDEST}", "tests/deploy")
_CHAOS = Job(f"unit-{OLDEST}", "tests/chaos")
# What stands in no package, by how its path begins, the first that fits; the contracts run on each change and are no job.
_SHARED: tuple[tuple[str, Job | None], ...] = (
    ("docs", _SITE),
    ("README.md", _SITE),
    ("CONTRIBUTING.md", _SITE),
    ("LICENSE", None),
    ("bench", None),
    ("releases.toml", None),
    (".gitignore", None),
    ("tools/house", None),
    ("tests/contracts", None),
    ("tests/chaos", _CHAOS),
    ("tests/deploy", _DEPLOY),
    ("deploy", _DEPLOY),
    ("tests", _CROSSING),
    ("tools", _CROSSING),
    ("examples/monitoring", _PROMTOOL),
    ("examples", _CROSSING),
)


@dataclass(frozen=True)
class Change:
    """What a diff touches.

    Attributes:
        packages: How deep it goes into each package, by name; those that it leaves alone are not there.
        shared: The jobs of what stands in no package; all tests for what no row says anything of, such as the lock.
    """

    packages: dict[str, Touch]
    shared: frozenset[Job]


def change_of(files: Iterable[str], packages: Sequence[Package]) -> Change:
    """What a diff touches.

    Args:
        files: The changed files, as ``git diff --name-only`` says them.
        packages: The packages of the workspace.
    """
    touched: dict[str, Touch] = {}
    shared: set[Job] = set()
    for path in map(PurePosixPath, files):
        owner = next((each for each in packages if path.is_relative_to(each.folder)), None)
        if owner is not None:
            depth = _depth(path.relative_to(owner.folder))
            touched[owner.name] = max(depth, touched.get(owner.name, depth))
        elif job := next((job for start, job in _SHARED if path.is_relative_to(start)), _ALL):
            shared.add(job)
    return Change(touched, frozenset(shared))


def _depth(path: PurePosixPath) -> Touch:
    top = path.parts[0] if path.parts else ""  # of a folder that has become a file or another repository
    if top in _PACKAGE_DOCS:
        return Touch.DOCS
    return Touch.TESTS if top == "tests" else Touch.SOURCE


def jobs_of(change: Change, packages: Sequence[Package], *, released: bool) -> list[Job]:
    """The jobs that a change needs.

    A package whose source changes is tested on the oldest and the newest Python, and a provider with each core. A package
    that needs it at run time has its conformance looked at, if it is a provider, else its tests run; so have those whose
    tests need it. A package of which only the tests change has them run once. Pages of a package are no job: the contracts
    read them.

    Args:
        change: What is touched.
        packages: The packages of the workspace.
        released: Whether a core was released: the latest one is a job only then.
    """
    sources = {name for name, depth in change.packages.items() if depth is Touch.SOURCE}
    tests = {name for name, depth in change.packages.items() if depth is Touch.TESTS}
    behind = dependants(packages, sources) - sources
    changed = {each.distribution for each in packages if each.name in sources}
    jobs = set(change.shared)
    for each in packages:
        if each.name in sources:
            jobs.update(_whole(each, released=released))
        elif each.name in tests or each.tests_require & changed:
            jobs.add(_tests(each, OLDEST))
        if each.name in sources and each.is_published and not each.is_provider:
            jobs.add(_CROSSING)
        if each.name in behind:
            jobs.add(_conformance(each) if each.is_provider else _tests(each, OLDEST))
    return sorted(jobs)


def nightly(packages: Sequence[Package], *, released: bool) -> list[Job]:
    """All jobs there are: each package on each Python, each provider with each core, and all of them with the long sweeps."""
    jobs = {_ALL, Job("nightly"), _SITE, _PROMTOOL, Job("lowest"), Job("wheels"), Job("rebuild")}
    for each in packages:
        jobs.update(_whole(each, released=released))
        jobs.update(_tests(each, python) for python in PYTHONS)
    return sorted(jobs)


def _whole(package: Package, *, released: bool) -> Iterator[Job]:
    yield from (_tests(package, python) for python in (OLDEST, NEWEST))
    if package.is_provider:
        yield _conformance(package)
        yield _tests(package, OLDEST, "oldest")
        if released:
            yield _tests(package, OLDEST, "latest")


def _tests(package: Package, python: str, core: str = CORES[0]) -> Job:
    if package.is_provider:
        words = "" if core == CORES[0] else f"--core {core}"
        return Job(f"provider-{python}(provider='{package.folder.name}')", words)
    return Job(f"unit-{python}", f"{package.folder}/tests")


def _conformance(package: Package) -> Job:
    return Job(f"conformance(provider='{package.folder.name}')")
