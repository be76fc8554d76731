"""States are told apart by whoever sees colours differently, or none: by their marks, in both themes."""

import base64
import itertools

import pytest
from playwright.sync_api import expect

from penstock.model.state import RunState

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]

SIGHTS = ("none", "protanopia", "deuteranopia", "tritanopia", "achromatopsia")
COLUMN, ROW, BAR = 30, 28, 11
DIFFERENT, PIXELS = 64, 8
"""A mark differs from another where a channel of so many of its pixels does by so much, of 255."""
PIECES = """async ([png, width, height]) => {
  const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  const found = [];
  for (let x = 0; x + width <= picture.width; x += width) found.push([...pen.getImageData(x, 0, width, height).data]);
  return found;
}"""


def _states_of_a_grid(route):
    """The grid of the server with a run for each state, as no run of a few tasks has all of them at once."""
    found = route.fetch().json()
    (first, *_), letters = found["items"], found["letters"]
    found["items"] = [
        {**first, "run": {**first["run"], "run": -at, "run_id": state}, "states": letter * len(found["tasks"])}
        for at, (letter, state) in enumerate(letters.items(), 1)
    ]
    route.fulfill(json=found)


def _states_of_bars(route):
    found = route.fetch().json()
    first = found["runs"]["orders"][0]
    more = [{**first, "run": -at, "run_id": state, "state": state} for at, state in enumerate(RunState, 1)]
    route.fulfill(json={**found, "runs": {"orders": more}})


def _luminance(pixel):
    return sum(
        share * (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)
        for share, value in zip((0.2126, 0.7152, 0.0722), (each / 255 for each in pixel), strict=True)
    )


def _pixels(piece):
    return [tuple(piece[at : at + 3]) for at in range(0, len(piece), 4)]


def _contrast(pixels):
    """The contrast between what stands out most in a picture and its first pixel, as WCAG counts it."""
    ground = _luminance(pixels[0])
    return max(
        (max(each, ground) + 0.05) / (min(each, ground) + 0.05) for each in {_luminance(pixel) for pixel in pixels}
    )


def _alike(marks):
    """Pairs of states whose marks are hardly to be told apart."""
    return [
        (one, other)
        for (one, some), (other, others) in itertools.combinations(marks.items(), 2)
        if sum(max(map(_apart, a, b)) > DIFFERENT for a, b in zip(some, others, strict=True)) < PIXELS
    ]


def _apart(one, other):
    return abs(one - other)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_states_are_told_apart_by_whoever_sees_colours_differently(theme, open_page, browser, pictures):
    page, reader = open_page("/", theme=theme), browser.new_page()
    page.route("**/grid*", _states_of_a_grid)
    page.route("**/views/latest-runs*", _states_of_bars)
    page.goto(page.url)
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="orders", exact=True))
    bars = row.get_by_role("group", name="The last runs, oldest first")
    expect(bars.get_by_role("link")).to_have_count(len(RunState))
    faults = _faults_of(page, reader, bars, list(reversed(RunState)), BAR, 26, pictures / f"colours-bars-{theme}")
    page.get_by_role("link", name="orders", exact=True).click()
    grid = page.locator("canvas")
    runs = page.locator("[role=columnheader] a")
    expect(runs.nth(len(RunState))).to_be_visible()
    states = runs.evaluate_all("(all) => all.map((a) => a.ariaLabel.split(':')[0])")
    faults += _faults_of(page, reader, grid, states, COLUMN, ROW, pictures / f"colours-grid-{theme}")
    reader.close()
    assert faults == []


def _still(page, place, picture):
    """Two pictures that are the same: the first one may be of a page that is being laid out."""
    before = b""
    while (png := place.screenshot(path=picture)) != before:
        before = png
        page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    return png


def _faults_of(page, reader, place, states, width, height, picture):
    faults, tools = [], page.context.new_cdp_session(page)
    for sight in SIGHTS:
        tools.send("Emulation.setEmulatedVisionDeficiency", {"type": sight})
        png = _still(page, place, f"{picture}-{sight}.png")
        pieces = reader.evaluate(PIECES, [base64.b64encode(png).decode(), width, height])
        pieces = pieces[-len(states) :] if width == BAR else pieces
        marks = {state: _pixels(piece) for state, piece in zip(states, pieces, strict=False)}
        faults += [(sight, *pair) for pair in _alike(marks)]
        faults += [
            (sight, state, "pale") for state, pixels in marks.items() if state != "none" and _contrast(pixels) < 3
        ]
    tools.send("Emulation.setEmulatedVisionDeficiency", {"type": "none"})
    return faults
