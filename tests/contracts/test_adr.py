"""Each decision is one short page that says what violates it, and names a check that is there."""

import re
from pathlib import Path

import pytest

ADRS = sorted((Path(__file__).parents[2] / "docs" / "adr").glob("*.md"))
LONGEST = 40


def problems(name: str, text: str, root: Path) -> list[str]:
    """What is wrong with a page."""
    found = []
    number = re.match(r"(\d{4})-[a-z0-9-]+\.md$", name)
    if not number or not text.startswith(f"# {int(number[1])}. "):
        found.append("its title does not begin with its number")
    if len(text.splitlines()) > LONGEST:
        found.append(f"it has more than {LONGEST} lines")
    ending = re.search(r"\nA change violates this when [^\n]+(?:\n[^\n]+)*?\.\nCheck: ([^\n]+)\.\n$", text)
    if not ending:
        found.append("it does not end with what violates it and its check")
    checks = re.findall(r"`([^`]+)`", ending[1]) if ending else []
    return found + [f"its check {path} is not there" for path in checks if not (root / path).exists()]


@pytest.mark.parametrize("page", ADRS, ids=lambda page: page.stem)
def test_a_decision_says_what_violates_it_and_names_its_check(workspace, page):
    assert problems(page.name, page.read_text(), workspace) == []


def test_decisions_are_numbered_without_a_gap():
    assert [int(page.name[:4]) for page in ADRS] == list(range(1, len(ADRS) + 1))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        pytest.param("0001-a.md", "# 2. A\n\nA change violates this when b.\nCheck: `c.py`.\n", "number", id="number"),
        pytest.param("0001-a.md", "# 1. A\n\nGood luck.\n", "end", id="no violation"),
        pytest.param("0001-a.md", "# 1. A\n\nA change violates this when b.\n", "end", id="no check"),
        pytest.param(
            "0001-a.md", "# 1. A\n\nA change violates this when b.\nCheck: `gone.py`.\n", "gone.py", id="check is gone"
        ),
        pytest.param(
            "0001-a.md",
            "# 1. A\n" + "x\n" * 40 + "\nA change violates this when b.\nCheck: `c.py`.\n",
            "lines",
            id="long",
        ),
    ],
)
def test_the_contract_sees_a_bad_page(tmp_path, name, text, told):
    (tmp_path / "c.py").touch()
    found = problems(name, text, tmp_path)
    assert len(found) == 1
    assert told in found[0]
