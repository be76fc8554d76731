"""Where those who come from Airflow find its pages: what the table of their how-to names is in the UI, by its words and addresses."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UI = ROOT / "server" / "ui" / "src"
PAGE = (ROOT / "docs" / "how-to" / "come-from-airflow.md").read_text()
HEAD = "| Airflow's page | here |\n|---|---|\n"
ROWS = [line.strip("| ").split(" | ") for line in PAGE.partition(HEAD)[2].partition("\n\n")[0].splitlines()]
TEXTS = {
    path.relative_to(UI).as_posix(): path.read_text() for path in UI.rglob("*") if path.suffix in {".svelte", ".ts"}
}
WITH_TABS = {1: "pages/Dag.svelte", 2: "pages/Run.svelte", 3: "pages/Task.svelte"}
"""The pages that have tabs, by how many ids their addresses have."""
PATTERNS = re.findall(r'^  \["(/[^"]*)", ', TEXTS["lib/pages.ts"], re.MULTILINE)


def _is_written(word):
    return any(re.search(rf'(?:"|>|\b){re.escape(word)}(?:"|<)', text) for text in TEXTS.values())


def _faults(address):
    """What is wrong with an address: no page has it, its page no such tab, or the installation no such part."""
    path, _, tab = address.partition("?tab=")
    pages = [each for each in PATTERNS if re.fullmatch(re.sub(r":\w+", "[^/]+", each), path)]
    if not pages:
        return [f"{address} is no page"]
    section = path.removeprefix("/installation/") if path.startswith("/installation/") else ""
    if section and f'id: "{section}"' not in TEXTS["lib/sections.ts"]:
        return [f"the installation has no part {section}"]
    owner = WITH_TABS.get(pages[0].count(":"))
    return [f"{owner} has no tab {tab}"] if tab and f'["{tab}", ' not in TEXTS[owner or ""] else []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_a_page_of_airflow_is_here_is_written_in_the_ui_and_has_that_address(row):
    _, here = row
    words, addresses = re.findall(r"\*\*([^*]+)\*\*", here), re.findall(r"`(/[^`]*)`", here)
    assert [word for word in words if not _is_written(word)] == []
    assert [fault for address in addresses for fault in _faults(address)] == []


def test_a_word_or_an_address_that_the_ui_does_not_have_is_told():
    assert len(ROWS) > 25
    assert not _is_written("Cluster Activity")
    assert _faults("/dags/orders?tab=landing") == ["pages/Dag.svelte has no tab landing"]
    assert _faults("/installation/triggers") == ["the installation has no part triggers"]
    assert _faults("/browse") == ["/browse is no page"]


def test_every_part_of_the_installation_and_every_tab_is_named():
    named = " ".join(row[1] for row in ROWS)
    parts = re.findall(r'id: "(\w+)"', TEXTS["lib/sections.ts"])
    assert [part for part in parts if f"/installation/{part}`" not in named and part != "account"] == []
    tabs = re.findall(r'\["(\w+)", "[A-Z]', "".join(TEXTS[page] for page in WITH_TABS.values()))
    assert [tab for tab in tabs if f"?tab={tab}`" not in named and tab not in {"grid", "tasks", "log"}] == []
