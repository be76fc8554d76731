"""The core verbs, one suite on both adapters: uv and pip."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from penstock_testkit.package_index import static_index
from penstock_testkit.wheels import write_provider, write_wheel

CORE = {"penstock-core": "0.2.0"}
ALPHA = {"penstock-providers-alpha": "1.0", "lib-a": "1.5"}
BETA = {"penstock-providers-beta": "1.0", "lib-b": "1.0", "lib-deep": "1.0"}
LEFT = {"penstock-providers-left": "1.0", "lib-c": "1.0"}
STOCK = CORE | ALPHA | BETA | LEFT
NOWHERE = "http://127.0.0.1:1/simple/"
BOTH = pytest.mark.parametrize("resolver", ["uv", "pip"], indirect=True)
"""With both adapters, with each change of the code; the others with pip at night."""


@pytest.fixture
def written(world):
    """A world whose intent file has words of the project's own."""
    world.intent.write_text("# the project's own words\n[core]\ndags_folder = 'dags'\n")
    return world


@BOTH
def test_an_install_brings_exactly_what_is_needed_and_says_why(written):
    dry = written.pm("install", "alpha<2", "gamma[fast]", "--dry-run", "--json", expect=2).data
    assert written.standing() == {}
    data = written.json("install", "alpha<2", "gamma[fast]")
    assert dry["steps"] == data["steps"]
    assert all(step["download"] for step in data["steps"])
    assert written.sound() == CORE | ALPHA | {
        "penstock-providers-alpha": "1.1", "penstock-providers-gamma": "1.0", "lib-fast": "1.0",
    }  # fmt: skip
    reasons = {step["name"]: step["reason"] for step in data["steps"]}
    assert reasons["penstock-providers-alpha"] == "you want alpha<2"
    assert reasons["lib-a"] == "needed by penstock-providers-alpha"
    assert [each["id"] for each in written.json("list")["providers"]] == ["alpha", "gamma"]
    text = written.intent.read_text()
    assert "# the project's own words" in text
    assert 'providers = ["alpha<2", "gamma[fast]"]' in text


def test_a_plan_after_an_install_is_empty_and_so_is_the_same_install(stocked):
    assert stocked.standing() == STOCK
    before = stocked.picture()
    assert stocked.json("plan")["steps"] == []
    assert stocked.json("install", "beta")["steps"] == []
    assert stocked.pm("install", "beta", "--dry-run").code == 0
    assert stocked.picture() == before


def test_a_folder_of_wheels_serves_as_well_as_an_index(stocked, universe):
    stocked.pm("install", "store", "--no-index", "--find-links", str(universe))
    assert stocked.sound() == STOCK | {"penstock-providers-store": "1.0"}
    assert stocked.json("plan")["steps"] == []


@BOTH
def test_removing_keeps_what_others_need_and_prune_takes_the_rest(stocked):
    data = stocked.json("remove", "beta")
    assert data["no_longer_needed"] == ["lib-b", "lib-deep"]
    assert stocked.sound() == CORE | ALPHA | LEFT | {"lib-b": "1.0", "lib-deep": "1.0"}
    stocked.pm("prune")
    assert stocked.sound() == CORE | ALPHA | LEFT
    stocked.pm("remove", "alpha", "left", "--prune")
    assert stocked.sound() == CORE


def test_upgrading_moves_the_named_provider_alone(stocked):
    stocked.intent.write_text(stocked.intent.read_text().replace("alpha<1.1", "alpha"))
    data = stocked.json("upgrade", "alpha")
    assert [(step["action"], step["name"], step["new"]) for step in data["steps"]] == [
        ("upgrade", "penstock-providers-alpha", "2.0")
    ]
    assert stocked.sound() == STOCK | {"penstock-providers-alpha": "2.0"}


def test_what_must_move_moves_alone(stocked, own_wheels):
    write_wheel(own_wheels, "lib-a", "1.6", files={"lib_a.py": "VERSION = '1.6'\n"})
    write_wheel(own_wheels, "lib-b", "1.1", files={"lib_b.py": ""}, requires=["lib-deep"])
    write_provider(own_wheels, "newer", requires=["penstock-core>=0.1", "lib-a>=1.6", "lib-b"])
    data = stocked.json("install", "newer", "--no-index", "--find-links", str(own_wheels))
    assert [(step["action"], step["name"], step["new"]) for step in data["steps"]] == [
        ("upgrade", "lib-a", "1.6"), ("add", "penstock-providers-newer", "1.0"),
    ]  # fmt: skip
    assert stocked.sound() == STOCK | {"lib-a": "1.6", "penstock-providers-newer": "1.0"}


@BOTH
def test_the_lock_restores_the_environment_elsewhere_and_no_other(stocked):
    shutil.rmtree(stocked.env)
    stocked.make()
    stocked.pm("sync", "--frozen")
    assert stocked.sound() == STOCK
    stocked.intent.write_text('[plugin-manager]\nproviders = ["alpha<1.1", "beta", "left", "store"]\n')
    before = stocked.picture()
    said = stocked.pm("sync", "--frozen", expect=1)
    assert "does not fit the intent: penstock-providers-store" in said.err
    assert stocked.picture() == before


def test_a_change_can_be_rolled_back(stocked):
    stocked.pm("init", "--adopt")
    stocked.pm("remove", "left", "--prune")
    assert stocked.sound() == CORE | ALPHA | BETA
    stocked.pm("rollback")
    assert stocked.sound() == STOCK
    assert "left" in stocked.intent.read_text()
    assert stocked.json("plan")["steps"] == []


def test_a_conflict_is_told_in_words_with_a_way_out(stocked):
    before = stocked.picture()
    said = stocked.pm("install", "right", expect=5)
    assert said.err.startswith("error: Provider left and provider right cannot stand in one environment.\n")
    assert "lib-c<2" in said.err
    assert "lib-c>=2" in said.err
    assert "plugin-manager isolate right" in said.err
    assert "/tmp" not in said.err
    assert stocked.picture() == before


@pytest.mark.parametrize(
    ("wish", "codes", "words"),
    [
        pytest.param("alphq", {3}, "There is no provider 'alphq': no source has penstock-providers-alphq.", id="unknown"),
        pytest.param("store>=9", {3}, "No version of provider 'store' satisfies >=9; there is 1.0.", id="no such version"),
        pytest.param("old_core", {5}, "Provider old_core and the core 0.2.0 cannot stand in one environment.", id="needs an older core"),
        pytest.param("old_python", {5}, "1.0 has no wheel for Python 3", id="no wheel for this Python"),
        pytest.param("no_toml", {5}, "is no TOML", id="broken manifest"),
    ],
)  # fmt: skip
def test_what_cannot_be_installed_is_named_and_changes_nothing(stocked, wish, codes, words):
    before = stocked.picture()
    said = stocked.pm("install", wish, expect=None)
    assert said.code in codes, said
    assert words in said.err
    assert ("hint: Did you mean alpha?" in said.err) == (wish == "alphq")
    assert said.out == ""
    assert stocked.picture() == before


def test_a_wheel_that_is_not_the_locked_one_is_refused(stocked, own_wheels):
    folder = ["--no-index", "--find-links", str(own_wheels)]
    stocked.intent.write_text(stocked.intent.read_text().replace('"left"', '"left", "store"'))
    stocked.pm("lock", *folder)
    write_provider(own_wheels, "store", code="evil = True\n")
    before = stocked.picture()
    said = stocked.pm("sync", "--frozen", *folder, expect=6)
    assert "its hash differs" in said.err
    assert stocked.picture() == before


def test_an_index_that_is_down_ends_in_one_message_and_changes_nothing(stocked):
    before = stocked.picture()
    said = stocked.pm(
        "install", "store", "--index-url", NOWHERE, sources=False, expect=1, UV_HTTP_RETRIES="0", PIP_RETRIES="0"
    )
    assert re.match(r"error: (The resolution failed: the index|\S+/) does not answer", said.err)
    assert "hint: Check the network and the " in said.err
    assert stocked.picture() == before


@pytest.mark.parametrize("page", ["index.json", "page.html"])
def test_an_index_that_answers_nonsense_ends_in_one_message_and_changes_nothing(stocked, tmp_path_factory, page):
    root = tmp_path_factory.mktemp("nonsense")
    for name in (*STOCK, "penstock-providers-store"):
        folder = root / ("simple" if page == "index.json" else "pages") / name
        folder.mkdir(parents=True)
        (folder / ("index.json" if page == "index.json" else "index.html")).write_text(
            "<p>Please log in to the network."
        )
    before = stocked.picture()
    with static_index(root) as url:
        place = f"{url}simple/" if page == "index.json" else f"{url}pages/"
        said = stocked.pm("install", "store", "--index-url", place, sources=False, expect=1)
    assert re.match(
        r"error: (The resolution failed: the index does not answer properly|\S+ is no page of a package index)\.",
        said.err,
    )
    assert stocked.picture() == before


def test_offline_answers_what_it_can_and_names_what_it_cannot(stocked):
    away = ["--offline", "--index-url", NOWHERE]
    assert stocked.pm("plan", *away, "--json", sources=False).data["steps"] == []
    before = stocked.picture()
    said = stocked.pm("install", "salesy", *away, sources=False, expect=1)
    assert said.err.startswith("error: The resolution needs the network, and --offline forbids it.\n")
    assert stocked.picture() == before
    stocked.pm("remove", "beta", "--prune", *away, sources=False)
    assert stocked.sound() == CORE | ALPHA | LEFT


@BOTH
def test_a_bundle_installs_where_there_is_no_network(stocked, tmp_path_factory):
    stocked.pm("bundle", "create", "-o", "all.bundle")
    far = type(stocked)(
        tmp_path_factory.mktemp("far"), stocked.resolver, NOWHERE, stocked.wheels, tmp_path_factory.mktemp("no-cache")
    ).make()
    far.pm("install", "--from-bundle", str(stocked.folder / "all.bundle"), sources=False)
    assert far.sound() == STOCK
    assert json.loads(far.pm("plan", "--offline", "--json", sources=False).out)["data"]["steps"] == []
