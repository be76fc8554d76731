"""What strangers wrote changes nothing on a terminal and nothing that is shown of others, whichever way it comes."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_testkit.nightly import at_night
from penstock_testkit.wheels import small_manifest, write_provider

from penstock_plugin_manager.catalog.build import build_catalog
from penstock_plugin_manager.catalog.entry import read_catalog, write_catalog
from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.index.simple import _read_html, _read_json
from penstock_plugin_manager.index.wheel import read_wheel_bytes
from penstock_plugin_manager.installed.site import distributions
from penstock_plugin_manager.output import Console, clean, plain, style, table

EVIL = "Nice\x1b[2J\x1b]0;owned\x07 doc\nsecond\x9b31m line\u202e\u2066\r\x00\x1b[31mred" + "x" * 20_000
TEXTS = st.text(st.characters(exclude_categories=[]), max_size=30) | st.just(EVIL)


def _is_safe(text):
    return len(text) <= 400 and all(letter.isprintable() for letter in text)


@settings(max_examples=at_night(60, 20), derandomize=True, deadline=None)
@given(st.lists(TEXTS, min_size=2, max_size=2))
def test_nothing_but_our_own_styles_reaches_a_terminal(cells):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        Console().print([*table(("ONE", "TWO"), [cells]), style(cells[0], "red")])
        Console().note(cells[1])
    assert all(letter == "\n" or letter.isprintable() for letter in out.getvalue())
    assert len(table(("ONE", "TWO"), [cells])) == 2, "a cell is one line"
    assert plain(clean(style("x", "red"))) == "x"


@settings(max_examples=at_night(60, 20), derandomize=True, deadline=None)
@given(st.data())
def test_a_catalog_is_read_clean_and_a_bad_entry_spoils_no_other(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("w")
    write_provider(folder, "good")
    document = write_catalog(build_catalog([folder], {}, print))
    entry = json.loads(json.dumps(document["providers"][0]))
    where = data.draw(st.sampled_from(["id", "distribution", "state", "replacement", "until", "manifest", "releases"]))
    entry[where] = data.draw(
        TEXTS
        | st.none()
        | st.integers()
        | st.just([{"version": EVIL}])
        | st.just([{"version": "1", "verdicts": {"1": "blocked"}}])
    )
    notes: list[str] = []
    found = read_catalog({"schema": 1, "providers": [entry, 7, document["providers"][0]]}, "c.json", notes.append)
    assert found[-1].id == "good"
    for each in found:
        assert all(
            _is_safe(text)
            for text in (each.id, each.distribution, each.state, each.replacement, each.until, each.newest())
        )
    assert len(notes) == 3 - len(found)
    assert all(_is_safe(note) for note in notes)


@settings(max_examples=at_night(60, 20), derandomize=True, deadline=None)
@given(TEXTS, TEXTS)
def test_an_index_is_read_clean(one, two):
    name = f"{one}pkg-1.0-py3-none-any.whl"
    page = {
        "files": [{"filename": name, "url": name, "yanked": two or True}],
        "project-status": {"status": one, "reason": two},
    }
    project = _read_json("pkg", json.dumps(page).encode(), "http://h/")
    assert _is_safe(project.status)
    assert _is_safe(project.status_reason)
    assert all(_is_safe(each.name[:300]) and _is_safe(each.yanked) and _is_safe(each.version) for each in project.files)


def test_a_page_of_an_index_is_read_clean():
    (found,) = _read_html(f'<a href="pkg-1.0-py3-none-any.whl" data-yanked="{EVIL}">x</a>'.encode(), "http://h/")
    assert _is_safe(found.yanked)


def _read(name, body):
    """Every text that is shown of a wheel, or what is said of one that is none."""
    try:
        wheel = read_wheel_bytes(name, body)
    except ManagerError as error:
        return [str(error)]
    own = [wheel.name, wheel.version, wheel.license, wheel.requires_python]
    return [*own, *(text for each in wheel.providers for text in (each.id, *each.problems))]


@pytest.mark.parametrize("field", ["Name", "Version", "License", "Requires-Python"])
def test_a_wheel_and_what_is_installed_of_it_are_read_clean(tmp_path, field):
    fields = {"Metadata-Version": "2.1", "Name": "pkg", "Version": "1.0", "License": "MIT", "Requires-Python": ">=3"}
    fields[field] = "Nice\x1b[2J\x1b]0;owned\x07 doc\x9b31m" + "x" * 5000
    text = "".join(f"{key}: {value}\n" for key, value in fields.items())
    path = tmp_path / "pkg-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pkg-1.0.dist-info/METADATA", text)
        archive.writestr(
            "pkg-1.0.dist-info/entry_points.txt", "[penstock.providers]\nx\x1b[2J = penstock_x:provider.toml\n"
        )
        archive.extractall(tmp_path / "site")
    assert all(_is_safe(text) for text in _read(path.name, path.read_bytes()))
    for each in distributions(str(tmp_path / "site")).values():
        assert all(_is_safe(text) for text in (each.name, each.version, each.license))


@settings(max_examples=at_night(80, 20), derandomize=True, deadline=None)
@given(st.data())
def test_no_damaged_wheel_ends_in_another_error_than_ours(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("w")
    body = bytearray(write_provider(folder, "x", manifest=small_manifest("x")).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at] = data.draw(st.integers(0, 255))
    cut = bytes(body[: data.draw(st.integers(0, len(body)))]) if data.draw(st.booleans()) else bytes(body)
    assert all(_is_safe(text) for text in _read("penstock_providers_x-1.0-py3-none-any.whl", cut))
