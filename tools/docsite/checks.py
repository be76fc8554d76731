"""What a page may not hold: a snippet that no test runs."""

from collections.abc import Iterator

from docsite.pages import Page
from house.pages import blocks_of

RUN_IN = ("tutorial", "how-to")
"""The rooms whose commands are typed by `tests/contracts/test_pages.py` and `tests/packaging/test_pages.py`."""


def unrun(page: Page) -> Iterator[str]:
    """Snippets of a page that no test runs, a sentence each.

    The commands of tutorials and how-to pages are typed, and their files written, by a reader that is a test. Elsewhere a page
    shows text, settings and Python that is compiled, but no commands with what they print.

    Args:
        page: The page.
    """
    for block in blocks_of(page.text):
        where = f"{page.source}: the {block.language} block {block.text.strip().splitlines()[0]!r}"
        if block.language == "console" and page.target.parts[0] not in RUN_IN:
            yield f"{where} shows commands, and no test types those of this page"
        if block.language == "python":
            try:
                compile(block.text, str(page.source), "exec")
            except SyntaxError as error:
                yield f"{where} is no Python: {error.msg} in its line {error.lineno}"
