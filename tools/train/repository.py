"""A clone of the repository: its tags, its commits, and the files of each of them."""

import io
import os
import re
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from train.tags import Tag, tags_of


class Repository:
    """A clone.

    Args:
        root: Its work tree.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *words: str, variables: Mapping[str, str] | None = None) -> bytes:
        """Run git and return what it prints.

        Raises:
            RuntimeError: git failed; its own words are in the message.
        """
        done = subprocess.run(
            ["git", "-C", str(self.root), *words],
            capture_output=True, check=False, stdin=subprocess.DEVNULL, env={**os.environ, **(variables or {})},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"git {' '.join(words)}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def commit(self, revision: str = "HEAD") -> str:
        """The full id of a commit.

        Raises:
            RuntimeError: It is not in this clone.
        """
        try:
            return self.git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
        except RuntimeError:
            raise RuntimeError(f"{revision} is not in this clone; fetch it with its tags") from None

    def lacks(self, commit: str) -> bool:
        """Whether nothing here comes from the commit of a full id, as from that before the first push, or before one that was forced."""
        if not re.fullmatch(r"[0-9a-f]{40}", commit):
            return False
        try:
            self.git("merge-base", commit, "HEAD")
        except RuntimeError:
            return True
        return False

    def tags(self) -> list[Tag]:
        """The tags of releases."""
        return tags_of(self.git("tag", "--list").decode().split())

    def time_of(self, commit: str) -> int:
        """When a commit was made, in seconds since 1970."""
        return int(self.git("show", "--no-patch", "--format=%ct", commit))

    def changed(self, since: str, until: str = "HEAD") -> list[str]:
        """Files that differ between two commits, from the point where they parted; a rename counts at both places."""
        return self.names("diff", "--name-only", "--no-renames", "-z", f"{since}...{until}")

    def names(self, *words: str) -> list[str]:
        """Names of files that git prints with ``-z``, whatever stands in them; bytes of no encoding as `os.fsdecode` has them."""
        return [os.fsdecode(name) for name in self.git(*words).split(b"\0") if name]

    def is_clean(self) -> bool:
        """Whether the work tree is what is committed."""
        return not self.git("status", "--porcelain").strip()

    def text(self, commit: str, path: str) -> str:
        """A file's text at a commit.

        Raises:
            RuntimeError: It is not there.
        """
        return self.git("show", f"{commit}:{path}").decode()

    def export(self, commit: str, paths: Sequence[str], folder: Path) -> None:
        """Write some files and folders as they were at a commit, and nothing that is not committed."""
        archive = self.git("archive", "--format=tar", commit, "--", *paths)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
