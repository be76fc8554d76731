"""Building a package from a commit: from what is committed alone, by the builder of that commit's lock, twice."""

import email.parser
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from os import environ
from pathlib import Path

from train.packages import Package, packages_of
from train.record import FILE, elsewhere, releases_of
from train.repository import Repository
from train.tags import Tag, disagreements


class Refused(Exception):  # noqa: N818 - what is refused is said, it is no accident
    """A release that cannot be; the message says why."""


def package_at(repository: Repository, commit: str, name: str) -> Package:
    """A package as it was at a commit.

    Raises:
        LookupError: There was none of that name.
    """
    listed = repository.names("ls-tree", "-r", "--name-only", "-z", commit)
    with tempfile.TemporaryDirectory() as folder:
        repository.export(commit, [each for each in listed if each.endswith("pyproject.toml")], Path(folder))
        found = {each.name: each for each in packages_of(Path(folder))}
    if name not in found:
        raise LookupError(f"no package was called {name!r} at {commit[:12]}; there were {', '.join(found)}")
    return found[name]


def build(repository: Repository, commit: str, package: Package, out: Path) -> Path:
    """Build the source distribution and the wheel of a package at a commit; the wheel's path is returned.

    It is built twice, from two folders, with the time of the commit as the time of each file
    (https://reproducible-builds.org/specs/source-date-epoch/).

    Args:
        repository: The clone.
        commit: The commit.
        package: The package as it was there.
        out: Where the files are put.

    Raises:
        Refused: The build failed, or the two builds differ.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / each for each in ("first", "second")]
        with ThreadPoolExecutor() as pool:
            first, second = pool.map(lambda folder: _built(repository, commit, package, folder), folders)
        if [path.name for path in first] != [path.name for path in second]:
            raise Refused(f"two builds of {package.distribution} made different files: {first} and {second}")
        for one, other in zip(first, second, strict=True):
            if one.read_bytes() != other.read_bytes():
                raise Refused(f"two builds of {one.name} differ; find what in it depends on time, place or chance")
        copies = [Path(shutil.copy(path, out)) for path in first]
    return next(path for path in copies if path.suffix == ".whl")


def _built(repository: Repository, commit: str, package: Package, folder: Path) -> list[Path]:
    folder.mkdir()
    repository.export(commit, [".gitignore", str(package.folder)], folder)
    command = builder(locked_version(repository.text(commit, "uv.lock"), "hatchling"), metadata.version("hatchling"))
    done = subprocess.run(
        [*command, "build", "-d", str(folder / "dist")],
        cwd=folder / package.folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env={**environ, "SOURCE_DATE_EPOCH": str(repository.time_of(commit)), "UV_NO_CONFIG": "1"},
    )  # fmt: skip
    if done.returncode:
        raise Refused(f"{package.distribution} cannot be built from {commit[:12]}:\n{done.stdout}{done.stderr}")
    return sorted((folder / "dist").iterdir())


def builder(locked: str, here: str) -> list[str]:
    """The command of hatchling at the version of a lock: that of this environment, if it is the one, else from one of its own.

    Args:
        locked: The version of the lock.
        here: The version in this environment, which is made from a lock, too.
    """
    if here == locked:
        return [sys.executable, "-I", "-m", "hatchling"]
    command = [sys.executable, "-m", "uv", "run", "--quiet", "--no-project", "--isolated", "--python", sys.executable]
    return [*command, "--with", f"hatchling=={locked}", "python", "-m", "hatchling"]


def locked_version(lock: str, distribution: str) -> str:
    """The version of a distribution in a ``uv.lock``.

    Raises:
        Refused: The lock does not hold it.
    """
    found = re.search(
        rf'^\[\[package\]\]\nname = "{re.escape(distribution)}"\nversion = "([^"]+)"$', lock, re.MULTILINE
    )
    if found is None:  # uv writes it so; reading all of it as TOML takes a quarter of a second
        raise Refused(f"uv.lock has no {distribution}")
    return found[1]


def wheel_facts(wheel: Path) -> dict[str, str]:
    """What a wheel says of itself: ``name``, ``version``, ``id`` of its manifest, ``point`` of its entry, ``contents``.

    ``contents`` is the sha256 of its RECORD, which has the digest of every file: it is the same whatever library packed the
    archive.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = next(name.partition("/")[0] for name in names if name.endswith(".dist-info/METADATA"))
        headers = email.parser.Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        points = archive.read(f"{info}/entry_points.txt").decode() if f"{info}/entry_points.txt" in names else ""
        manifest = next((name for name in names if name.endswith("/provider.toml") and name.count("/") == 1), None)
        found = tomllib.loads(archive.read(manifest).decode()) if manifest else {}
        digest = hashlib.sha256(archive.read(f"{info}/RECORD")).hexdigest()
    group = points.partition("[penstock.providers]\n")[2]
    return {
        "name": headers["Name"],
        "version": headers["Version"],
        "id": str(found.get("id", "")),
        "point": group.partition("=")[0].strip(),
        "contents": digest,
    }


def build_tag(repository: Repository, tag: Tag, out: Path, commit: str = "") -> Path:
    """Build what a tag selects, and nothing else; the wheel's path is returned.

    Args:
        repository: The clone.
        tag: The tag.
        out: Where the files are put.
        commit: The commit, where the tag is not made yet.

    Raises:
        Refused: The build failed, is not reproducible, or something disagrees with the tag.
    """
    commit = commit or repository.commit(f"refs/tags/{tag}")
    package = package_at(repository, commit, tag.package)
    if not package.is_published:
        raise Refused(f"{package.name} is for tests alone and has no releases")
    if moved := elsewhere(releases_of(repository.text(commit, FILE)), tag, commit):
        raise Refused(moved)
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(repository, commit, package, Path(folder))
        _agree(repository, commit, package, tag, wheel)
        out.mkdir(parents=True, exist_ok=True)
        copies = [Path(shutil.copy(path, out)) for path in sorted(Path(folder).iterdir())]
    return next(path for path in copies if path.suffix == ".whl")


def _agree(repository: Repository, commit: str, package: Package, tag: Tag, wheel: Path) -> None:
    texts = {"CHANGELOG.md": repository.text(commit, f"{package.folder}/CHANGELOG.md")}
    texts |= dict.fromkeys(fragments_at(repository, commit, package), "")
    if found := list(disagreements(tag, package, texts, wheel_facts(wheel))):
        raise Refused("\n".join(found))


def fragments_at(repository: Repository, commit: str, package: Package) -> list[str]:
    """Names of the changelog fragments of a package at a commit."""
    listed = repository.names("ls-tree", "--name-only", "-z", commit, "--", f"{package.folder}/changelog.d/")
    return [name for path in listed if (name := Path(path).name) != ".gitkeep"]
