"""Wheels of the workspace's packages to test another one with: of this clone, the latest that were released, or the oldest."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from train.build import Refused, build, package_at, wheel_facts
from train.packages import Package, needs
from train.record import FILE, Release, newest, releases_of, text_of, with_release
from train.repository import Repository

CONSTRAINTS = "constraints.txt"
PUSHES = 10


def fill(repository: Repository, packages: Sequence[Package], package: Package, core: str, out: Path) -> list[str]:
    """Put the wheels that a package needs from the workspace into a folder; each is said as ``DISTRIBUTION==VERSION``.

    The folder gets a ``constraints.txt`` with the same lines, so that no index answers with another version.

    Args:
        repository: The clone.
        packages: The packages of the workspace.
        package: The package that is to be tested.
        core: ``head`` for what stands here, ``latest`` for the newest releases, ``oldest`` for the oldest that it allows;
            what was never released is taken as it stands here.
        out: The folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    releases = recorded(repository.root)
    lines = []
    for each in needs(packages, package):
        chosen = choose(releases, each, package, core)
        wheel = rebuild(repository, chosen, out) if chosen else build_here(repository.root, each, out)
        facts = wheel_facts(wheel)
        lines.append(f"{facts['name']}=={facts['version']}")
    (out / CONSTRAINTS).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return lines


def choose(releases: Sequence[Release], needed: Package, package: Package, core: str) -> Release | None:
    """The release of a needed package that a package is tested with; None for what stands here.

    Args:
        releases: The record.
        needed: What it needs.
        package: What is tested; its requirement says which release is the oldest that it allows.
        core: ``head``, ``latest`` or ``oldest``.
    """
    if core == "head":
        return None
    floor = next((text for text in package.floors if Requirement(text).name == needed.distribution), "")
    if core == "latest" or not floor:
        return newest(releases, needed.name)
    specifier = Requirement(floor).specifier
    fitting = [each for each in releases if each.package == needed.name and specifier.contains(each.version)]
    return min(fitting, key=lambda each: Version(each.version), default=None)


def recorded(root: Path) -> list[Release]:
    """The releases that a work tree records."""
    return releases_of((root / FILE).read_text(encoding="utf-8"))


def add(repository: Repository, release: Release, *, push: bool) -> None:
    """Commit a release to the record, and push the commit where that is asked for; a release that is there as it is, is left.

    Several releases of one wave are recorded at the same time from several clones: who comes second begins again from what
    the first one pushed. The clone is left as it was if the release cannot be recorded.

    Raises:
        Refused: The push was refused, though nobody else has pushed, or again and again.
        ValueError: The record has the version already, from another commit or with another content.
    """
    name = f"{release.package} {release.version}"
    for _ in range(PUSHES):
        before, rows = repository.commit(), recorded(repository.root)
        coming = with_release(rows, release)
        if coming == rows:
            return
        (repository.root / FILE).write_text(text_of(coming), encoding="utf-8")
        repository.git("commit", "--quiet", "--message", f"Record the release of {name}", "--", FILE)
        if not push:
            return
        try:
            repository.git("push", "--quiet", "origin", "HEAD")
        except RuntimeError as error:
            repository.git("reset", "--quiet", "--keep", before)
            if not _has_moved(repository, before):
                raise Refused(f"the record of {name} cannot be pushed: {error}") from None
        else:
            return
    raise Refused(f"the record of {name} cannot be pushed: others have pushed before it {PUSHES} times")


def _has_moved(repository: Repository, before: str) -> bool:
    """Take over what others have pushed, if there is anything; commits that are here alone refuse that."""
    repository.git("fetch", "--quiet", "origin")
    repository.git("merge", "--quiet", "--ff-only", "@{upstream}")
    return repository.commit() != before


def rebuild(repository: Repository, release: Release, out: Path) -> Path:
    """Build the wheel of a release again, from its commit; its path is returned.

    Raises:
        Refused: It cannot be built, or is not what was released.
    """
    wheel = build(repository, release.commit, package_at(repository, release.commit, release.package), out)
    if (found := wheel_facts(wheel)["contents"]) != release.contents:
        raise Refused(
            f"{release.package} {release.version} from {release.commit[:12]} is not what was released: the digest of its "
            f"RECORD is {found}, and {FILE} has {release.contents}"
        )
    return wheel


def rebuild_all(repository: Repository, wanted: str, out: Path) -> Iterator[tuple[Release, str]]:
    """Build old wheels again; each release is told with what is wrong with it, empty if nothing is.

    Args:
        repository: A full clone.
        wanted: ``PACKAGE==VERSION`` or the name of a package; empty for all releases.
        out: Where the wheels are put.

    Raises:
        LookupError: The record has no such release.
    """
    name, _, version = wanted.partition("==")
    found = [each for each in recorded(repository.root) if name in ("", each.package) and version in ("", each.version)]
    if wanted and not found:
        raise LookupError(f"{FILE} has no release {wanted}")
    for each in found:
        try:
            rebuild(repository, each, out)
        except (Refused, RuntimeError, LookupError) as error:
            yield each, str(error)
        else:
            yield each, ""


def build_here(root: Path, package: Package, out: Path) -> Path:
    """Build the wheel of a package as it stands in the work tree; its path is returned.

    Raises:
        Refused: It cannot be built.
    """
    target = out / f".{package.name}"
    command = [
        sys.executable,
        "-m",
        "uv",
        "build",
        "--quiet",
        "--wheel",
        "--out-dir",
        str(target),
        str(root / package.folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Refused(f"{package.distribution} cannot be built here:\n{done.stdout}{done.stderr}")
    (wheel,) = target.glob("*.whl")
    copy = Path(shutil.copy(wheel, out))
    shutil.rmtree(target)
    return copy
