r"""Which files of the DAGs folder are not to be imported: ``.penstockignore``, in the language of ``.gitignore``.

Each folder may have one, whose patterns count for what lies below it. A line is a pattern, the last that matches decides:

- ``#`` begins a remark, ``!`` takes back what earlier patterns ignore, ``\\`` makes the next character an ordinary one.
- A pattern with a ``/`` at its start or within it is relative to its file's folder; any other matches at every depth.
- One with ``/`` at its end means folders alone.
- ``*`` and ``?`` match all but ``/``, ``[a-z]`` one of these characters, ``**`` any number of folders.

What lies in an ignored folder stays ignored: no ``!`` reaches into it. Source: gitignore(5).
"""

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

IGNORE = ".penstockignore"
AIRFLOW_IGNORE = ".airflowignore"
MOST_BYTES = 1 << 18


class Ignore(NamedTuple):
    """A line of an ignore file.

    Attributes:
        ignores: False if it takes back what others ignore.
        folders: Whether it means folders alone.
        steps: An expression for each part of a path relative to the ignore file's folder; None for any number of parts.
    """

    ignores: bool
    folders: bool
    steps: tuple[re.Pattern[str] | None, ...]

    def matches(self, parts: Sequence[str]) -> bool:
        """Tell whether it means a path; what it costs is bounded by the lengths of both, whatever they hold."""
        at, step, back, retry = 0, 0, -1, -1
        while at < len(parts):
            expected = self.steps[step] if step < len(self.steps) else None
            if expected is not None and expected.match(parts[at]):
                at, step = at + 1, step + 1
            elif expected is None and step < len(self.steps):
                back, retry, step = step, at, step + 1
            elif back >= 0:
                retry += 1
                at, step = retry, back + 1
            else:
                return False
        return all(each is None for each in self.steps[step:]) and not (step < len(self.steps) and back < 0)


def patterns_of(text: str) -> Iterator[Ignore]:
    """Yield the patterns of an ignore file, in their order."""
    for line in text.removeprefix("\ufeff").splitlines():
        pattern = _without_blanks(line)
        if not pattern or pattern.startswith("#"):
            continue
        ignores = not pattern.startswith("!")
        pattern = pattern if ignores else pattern[1:]
        folders = pattern.endswith("/")
        pattern = pattern.rstrip("/")
        if pattern:
            steps = pattern.lstrip("/").split("/")
            yield Ignore(ignores, folders, tuple(map(_step, steps if "/" in pattern else ["**", *steps])))


def is_ignored(name: str, ignore: Mapping[str, tuple[Ignore, ...]]) -> bool:
    """Tell whether a file is ignored.

    Args:
        name: Its path relative to the DAGs folder, with ``/``.
        ignore: The patterns of each folder that has some, by its path with ``/`` at the end; "" for the DAGs folder.
    """
    if not ignore:
        return False
    parts = PurePosixPath(name).parts
    return any(
        _decision("/".join(parts[:length]), ignore, is_folder=length < len(parts))
        for length in range(1, len(parts) + 1)
    )


def _decision(path: str, ignore: Mapping[str, tuple[Ignore, ...]], *, is_folder: bool) -> bool:
    ignored = False
    parts = path.split("/")
    for length in range(len(parts)):
        above = "".join(f"{part}/" for part in parts[:length])
        for pattern in ignore.get(above, ()):
            if (is_folder or not pattern.folders) and pattern.matches(parts[length:]):
                ignored = pattern.ignores
    return ignored


def _without_blanks(line: str) -> str:
    stripped = line.rstrip()
    return stripped + " " if stripped.endswith("\\") and line != stripped else stripped


def _step(text: str) -> re.Pattern[str] | None:
    """Translate what stands between two slashes; `fnmatch` makes of it what never tries twice."""
    if text == "**":
        return None
    escaped = re.sub(r"\\(.)", lambda found: f"[{found[1]}]" if found[1] in "*?[" else found[1], text)
    return re.compile(fnmatch.translate(escaped.replace("[^", "[!")))
