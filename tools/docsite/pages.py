"""The pages of the site: those of ``docs``, and for every package its page, its changelog and, for a provider, its reference.

No list of packages is kept: they are read from disk, so that a provider brings its section by being there.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from docsite.provider import name_of, reference
from train.packages import Package, packages_of

ROOMS = {
    "tutorial": "Tutorials",
    "how-to": "How to",
    "reference": "Reference",
    "explanation": "Explanation",
    "adr": "Decisions",
}
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)


class Page(NamedTuple):
    """A page of the site.

    Attributes:
        target: Where it stands in the site's source.
        source: The file of the repository that it comes from; empty for one that is generated.
        text: Its Markdown, with links as the source has them.
        section: The names of the sections above it in the navigation.
        title: Its name in the navigation; empty for the first page of a section.
    """

    target: PurePosixPath
    source: PurePosixPath
    text: str
    section: tuple[str, ...]
    title: str


def pages_of(root: Path) -> list[Page]:
    """All pages of the site, in the order of the navigation."""
    return [*_docs(root), *_packages(root)]


def pictures_of(root: Path) -> list[PurePosixPath]:
    """The pictures of the pages, below ``docs``: each stands beside its page as it does there."""
    return [PurePosixPath(path.relative_to(root / "docs")) for path in sorted((root / "docs").glob("*/*/*.png"))]


def _docs(root: Path) -> Iterator[Page]:
    home = root / "docs" / "README.md"
    yield Page(PurePosixPath("index.md"), PurePosixPath("docs/README.md"), home.read_text(encoding="utf-8"), (), "Home")
    for room, section in ROOMS.items():
        for path in sorted((root / "docs" / room).glob("*.md")):
            text = path.read_text(encoding="utf-8")
            source = PurePosixPath(path.relative_to(root))
            yield Page(PurePosixPath(room, path.name), source, text, (section,), title_of(text))
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    yield Page(PurePosixPath("contributing.md"), PurePosixPath("CONTRIBUTING.md"), text, (), "Contributing")


def _packages(root: Path) -> Iterator[Page]:
    for package in packages_of(root):
        if package.is_published:
            yield from _provider(root, package) if package.is_provider else _package(root, package)


def _package(root: Path, package: Package) -> Iterator[Page]:
    yield _page(root, package, "README.md", "index.md", ("Packages", package.distribution), "")
    yield _page(root, package, "CHANGELOG.md", "changelog.md", ("Packages", package.distribution), "Changelog")


def _provider(root: Path, package: Package) -> Iterator[Page]:
    (manifest,) = (root / package.folder / "src").glob("*/provider.toml")
    text = manifest.read_text(encoding="utf-8")
    section = ("Providers", name_of(text))
    yield _page(root, package, "README.md", "index.md", section, "")
    guide = PurePosixPath("docs", "providers", f"{package.folder.name}.md")
    if (root / guide).exists():
        guided = (root / guide).read_text(encoding="utf-8")
        yield Page(PurePosixPath(package.folder, "guide.md"), guide, guided, section, "Guide")
    yield Page(PurePosixPath(package.folder, "reference.md"), PurePosixPath(), reference(text), section, "Reference")
    for path in sorted((root / package.folder / "docs").glob("*.md")):
        page = _page(root, package, f"docs/{path.name}", path.name, section, "")
        yield page._replace(title=title_of(page.text))
    yield _page(root, package, "CHANGELOG.md", "changelog.md", section, "Changelog")


def _page(root: Path, package: Package, name: str, target: str, section: tuple[str, ...], title: str) -> Page:
    folder = package.folder if package.is_provider else PurePosixPath("packages", package.name)
    text = (root / package.folder / name).read_text(encoding="utf-8")
    return Page(folder / target, package.folder / name, text, section, title)


def title_of(text: str) -> str:
    """The first heading of a page."""
    return next((line[2:].replace("`", "") for line in text.splitlines() if line.startswith("# ")), "")


def with_links(page: Page, targets: Mapping[PurePosixPath, PurePosixPath], root: Path) -> str:
    """A page with its links between files of the repository turned into links between pages of the site.

    What is no page of the site, such as a file of an example, keeps its words without a link; a folder is its first page.

    Args:
        page: The page.
        targets: Where each file of the repository stands in the site.
        root: The repository.

    Raises:
        ValueError: A link leads to no file of the repository.
    """

    def turned(found: re.Match[str]) -> str:
        words, link, anchor = found[1], found[2], found[3] or ""
        path = PurePosixPath(os.path.normpath(page.source.parent / link))
        if not (root / path).exists():
            raise ValueError(f"{page.source} has a link to {link}, which is not there")
        first = next((source for source in targets if source == path or source.is_relative_to(path)), None)
        if first is None:
            return words
        return f"[{words}]({os.path.relpath(targets[first], page.target.parent)}{anchor})"

    if page.source == PurePosixPath():
        return page.text
    parts = _FENCE.split(page.text)  # every second part is a fenced block
    return "".join(part if number % 2 else _LINK.sub(turned, part) for number, part in enumerate(parts))
