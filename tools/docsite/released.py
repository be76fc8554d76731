"""The site of what was released: every version is built from its commit, by the tools and the lock that are committed there."""

import subprocess
import sys
import tempfile
from os import environ
from pathlib import Path

from docsite.build import BrokenDocs
from docsite.versions import released_versions
from train.record import FILE, Release, releases_of
from train.repository import Repository


def build_released(root: Path, out: Path) -> list[str]:
    """Build each version that the record names, beside those that are there; the versions are returned.

    What a later version refuses, or draws otherwise, changes none of them: a release's own tools have built its pages before.

    Args:
        root: A full clone.
        out: The folder of all versions.

    Raises:
        BrokenDocs: The pages of a release cannot be built.
    """
    repository = Repository(root)
    versions = released_versions(releases_of((root / FILE).read_text(encoding="utf-8")))
    for version, release in versions.items():
        _build(repository, release, version, out.resolve())
    return list(versions)


def _build(repository: Repository, release: Release, version: str, out: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name, "clone")
        repository.export(release.commit, ["."], work)
        # What a commit offers to those that come after it: this group of its lock, this module, these two options.
        command = [sys.executable, "-m", "uv", "run", "--quiet", "--frozen", "--only-group", "site"]
        done = subprocess.run(
            [*command, "python", "-m", "docsite", "--out", str(out), "--version", version],
            cwd=work, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
            env={**environ, "UV_PROJECT_ENVIRONMENT": str(Path(name, "env")), "PYTHONPATH": str(work / "tools")},
        )  # fmt: skip
        if done.returncode:
            raise BrokenDocs(
                f"the pages of {release.package} {release.version} cannot be built from {release.commit[:12]}:\n"
                f"{done.stdout}{done.stderr}"
            )
