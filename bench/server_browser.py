"""How long Chromium takes to show what was committed, and the grid of a large DAG, over the server of `server.py`."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from served import Served, shown
from server_history import BIG

from penstock.service.dags import pause
from penstock.service.installation import Installation

CHROMIUM = Path(__file__).parent.parent / "server" / "tests" / "browser" / "node_modules" / ".browser" / "chromium"

# Of each change of the page: when it was, in milliseconds of the wall clock, and what the buttons of the list say.
_WATCH = """
() => {
  window.seen = [];
  new MutationObserver(() => {
    const labels = [...document.querySelectorAll('main button')].map((each) => each.textContent.replace(/\\s/g, ''));
    window.seen.push([performance.timeOrigin + performance.now(), labels.join('|')]);
  }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
}
"""


def browser(served: Served, found: Installation, rounds: int) -> None:
    """From a commit until a page has it, and from the address of a grid until its first tasks are there."""
    if not CHROMIUM.exists():
        raise SystemExit("there is no Chromium: the tests of server/tests/browser unpack it.")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        context = launched.new_context()
        context.add_init_script(f"sessionStorage.setItem('penstock-token', '{served.token}')")
        page = context.new_page()
        _commits(page, served, found, rounds)
        _grid(page, served, rounds)
        launched.close()


def _commits(page: Page, served: Served, found: Installation, rounds: int) -> None:
    dag_id = "dag_0000"
    page.goto(f"{served.url.geturl()}/dags")
    page.get_by_role("button", name=f"Pause {dag_id}").wait_for()
    page.evaluate(_WATCH)
    time.sleep(2)  # its stream is open by then
    spans = []
    for number in range(rounds * 6):
        paused = number % 2 == 0
        pause(found, dag_id, paused=paused)
        committed = time.time() * 1000
        wanted = f"{'Unpause' if paused else 'Pause'}{dag_id}"
        spans.append(_shown_at(page, wanted) - committed)
        page.evaluate("window.seen = []")
        time.sleep(0.6 + number % 7 / 100)  # after a change, a page waits 0.4 s for more of them
    shown(
        "a commit is on an open page",
        statistics.median(spans),
        "ms",
        150,
        f"{min(spans):.0f} - {max(spans):.0f}; {len(spans)}",
    )


def _shown_at(page: Page, wanted: str) -> float:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for at, labels in page.evaluate("window.seen"):
            if wanted in labels.split("|"):
                return float(at)
        time.sleep(0.02)
    raise SystemExit(f"the page has not shown {wanted} within 10 s")


def _grid(page: Page, served: Served, rounds: int) -> None:
    spans = []
    for _ in range(rounds):
        page.goto("about:blank")
        page.goto(f"{served.url.geturl()}/dags/{BIG}")
        page.get_by_text("t0003").first.wait_for()
        spans.append(float(page.evaluate("performance.now()")))
    shown(
        "a page shows the grid of 5,000 tasks",
        statistics.median(spans) / 1000,
        "s",
        1,
        f"first {spans[0] / 1000:.2f} s",
    )
