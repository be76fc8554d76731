"""Building the site with Zensical: a folder a version, and ``versions.json``, from which each page offers the others."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.version import InvalidVersion, Version

from docsite.checks import unrun
from docsite.pages import Page, pages_of, with_links

DEVELOPMENT = "dev"
_ENTRY = """<!doctype html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={version}/">
<title>Penstock</title>
<a href="{version}/">Penstock {version}</a>
"""


class BrokenDocs(Exception):  # noqa: N818 - it says what is broken, and is shown as it is
    """Documentation that cannot be a site; the message has a line for each thing that is wrong."""


def build_site(root: Path, out: Path, version: str) -> Path:
    """Build the site of one version beside those that are there; its folder is returned.

    Args:
        root: The repository.
        out: The folder of all versions.
        version: The version: numbers such as ``0.1``, or ``dev``.

    Raises:
        BrokenDocs: A link leads nowhere, or no test runs a snippet.
    """
    pages = pages_of(root)
    if wrong := [each for page in pages for each in unrun(page)]:
        raise BrokenDocs("\n".join(wrong))
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_sources(pages, root, work / "docs")
        (work / "zensical.toml").write_text(settings(pages), encoding="utf-8")
        command = [sys.executable, "-m", "zensical", "build", "--strict"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise BrokenDocs(done.stdout + done.stderr.partition("Traceback")[0])
        target = out / version
        shutil.rmtree(target, ignore_errors=True)
        out.mkdir(parents=True, exist_ok=True)
        shutil.copytree(work / "site", target)
    versions = ordered(path.parent.name for path in out.glob("*/index.html"))
    (out / "versions.json").write_text(json.dumps(listed(versions)), encoding="utf-8")
    (out / "index.html").write_text(_ENTRY.format(version=latest(versions)), encoding="utf-8")
    return target


def write_sources(pages: Iterable[Page], root: Path, folder: Path) -> None:
    """Write the pages as Zensical reads them.

    Raises:
        BrokenDocs: A link leads to no file.
    """
    pages = list(pages)
    targets = {page.source: page.target for page in pages if page.source != PurePosixPath()}
    wrong = []
    for page in pages:
        path = folder / page.target
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_text(with_links(page, targets, root), encoding="utf-8")
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise BrokenDocs("\n".join(wrong))


def settings(pages: Sequence[Page]) -> str:
    """The settings of Zensical for some pages, as TOML.

    Nothing is loaded from elsewhere: no fonts, no scripts, so that the site works without a network.
    """
    project = {
        "site_name": "Penstock",
        "docs_dir": "docs",
        "site_dir": "site",
        "nav": navigation(pages),
        "theme": {"font": False, "features": ["navigation.indexes", "navigation.top", "content.code.copy"]},
        "extra": {"version": {"provider": "mike"}},
    }
    return f"project = {_inline(project)}\n"


def navigation(pages: Iterable[Page]) -> list[Any]:
    """The navigation: sections in the order of their first page."""
    top: list[Any] = []
    for page in pages:
        level = top
        for name in page.section:
            level = _section(level, name)
        level.append({page.title: str(page.target)} if page.title else str(page.target))
    return top


def _section(level: list[Any], name: str) -> list[Any]:
    for each in level:
        if isinstance(each, dict) and isinstance(each.get(name), list):
            found: list[Any] = each[name]
            return found
    made: list[Any] = []
    level.append({name: made})
    return made


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


def _inline(value: object) -> str:
    """A value as inline TOML."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "{ " + ", ".join(f"{json.dumps(key)} = {_inline(each)}" for key, each in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
