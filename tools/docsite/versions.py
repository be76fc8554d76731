"""The versions of the site: a folder each, and ``versions.json``, from which every page offers the others."""

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from train.record import Release

DEVELOPMENT = "dev"
_PACKAGE = "core"  # readers say which Penstock they have by the version of its core
_ENTRY = """<!doctype html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={version}/">
<title>Penstock</title>
<a href="{version}/">Penstock {version}</a>
"""


def site_version(text: str) -> str:
    """A version of the site as somebody typed it.

    Raises:
        ValueError: It is neither numbers nor ``dev``.
    """
    if text != DEVELOPMENT and not re.fullmatch(r"[0-9]+(\.[0-9]+)*", text):
        raise ValueError(f"a version of the site is numbers such as 0.1, or {DEVELOPMENT}; found {text!r}")
    return text


def released_versions(releases: Iterable[Release]) -> dict[str, Release]:
    """The versions of the site that were released, each with the release whose pages it has.

    There is one for each minor version of the core, as the last release of it says; candidates have none.
    """
    final = [each for each in releases if each.package == _PACKAGE and not Version(each.version).is_prerelease]
    final.sort(key=lambda each: Version(each.version))
    return {f"{number.major}.{number.minor}": each for each in final for number in [Version(each.version)]}


def add_version(built: Path, out: Path, version: str) -> Path:
    """Put a version beside those that are there, in place of what it was, and list all of them; its folder is returned.

    Args:
        built: The pages of the version.
        out: The folder of all versions.
        version: The version.
    """
    out.mkdir(parents=True, exist_ok=True)
    target, coming = out / version, out / f".{version}"
    shutil.rmtree(coming, ignore_errors=True)
    shutil.copytree(built, coming)
    shutil.rmtree(target, ignore_errors=True)
    coming.rename(target)
    versions = ordered(path.parent.name for path in out.glob("*/index.html") if not path.parent.name.startswith("."))
    (out / "versions.json").write_text(json.dumps(listed(versions)), encoding="utf-8")
    (out / "index.html").write_text(_ENTRY.format(version=latest(versions)), encoding="utf-8")
    return target


def ordered(names: Iterable[str]) -> list[str]:
    """Versions, the newest first; names that are no numbers come last."""

    def key(name: str) -> tuple[bool, Version]:
        try:
            return True, Version(name)
        except InvalidVersion:
            return False, Version("0")

    return sorted(names, key=key, reverse=True)


def latest(versions: Sequence[str]) -> str:
    """The version that a reader who asks for none gets: the newest that is released, else what there is."""
    return versions[0]


def listed(versions: Sequence[str]) -> list[dict[str, Any]]:
    """What ``versions.json`` holds: the form of mike, which the theme's menu of versions reads."""
    return [
        {"version": each, "title": each, "aliases": ["latest"] if each == latest(versions) else []} for each in versions
    ]
