"""Building a version of the site with Zensical."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from docsite.checks import unrun
from docsite.pages import Page, pages_of, pictures_of, with_links
from docsite.versions import add_version


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
        return add_version(work / "site", out, version)


def write_sources(pages: Iterable[Page], root: Path, folder: Path) -> None:
    """Write the pages, and their pictures, as Zensical reads them.

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
    for picture in pictures_of(root):
        (folder / picture.parent).mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "docs" / picture, folder / picture)


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
