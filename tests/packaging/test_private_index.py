"""An index that wants a password: asked alike by uv, pip and the manager itself, and the password stays where it was written."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
from urllib.parse import quote

import pytest

from penstock_plugin_manager.cli.run import run
from penstock_plugin_manager.registry import COMMANDS
from penstock_testkit.package_index import static_index, write_static_index
from penstock_testkit.wheels import write_provider, write_wheel

PASSWORD = "pa55-w0rd/ü"
SAID = ("pa55-w0rd", "pa55%2Dw0rd", "cGE1NS13MHJk")
WORDS = {
    "search": ["alpha"], "which": ["alpha.run"], "info": ["beta", "--versions"], "why": ["lib-a"], "install": ["gone"],
    "resolve": ["beta"], "plan": ["install", "beta"], "remove": ["gone"], "isolate": ["gone"], "export": ["requirements"],
    "policy": ["check"], "bundle": ["create", "-o", "b.bundle"], "catalog": ["refresh"], "enable": ["alpha"], "disable": ["gone"],
    "validate": ["penstock.toml"], "new": ["fresh"], "completion": ["ids"], "verify": ["--publishers"],
    "list": ["--outdated", "--available"],
    "scan": ["penstock.toml"], "init": ["--adopt"], "lock": ["--check"], "doctor": ["--fix"],
}  # fmt: skip


@pytest.fixture
def private(own_wheels, tmp_path):
    """The address of an index that asks for a password, with the password in it."""
    write_static_index(tmp_path / "static", own_wheels, {})
    with static_index(tmp_path / "static", f"user:{PASSWORD}") as url:
        yield url.replace("http://", "http://user:pa55-w0rd%2F%C3%BC@") + "simple/"


def test_every_command_asks_with_the_password_and_none_shows_it(generations, private, monkeypatch, capsys):
    world = generations
    world.pm("install", "alpha<2", sources=False, PIP_INDEX_URL=private)
    assert private.rpartition("@")[2].partition("/")[0] in world.lock.read_text(), "the lock names the index"
    for name in [each for each in os.environ if each.startswith(("PIP_", "UV_", "PENSTOCK_", "VIRTUAL_ENV"))]:
        monkeypatch.delenv(name)
    for name, text in {**world.variables, "PIP_INDEX_URL": private}.items():
        monkeypatch.setenv(name, text)
    monkeypatch.chdir(world.folder)
    answers = {}
    for name in COMMANDS:
        for form in ([], ["--json"]):
            run([name, *WORDS.get(name, []), *form])
            said = capsys.readouterr()
            assert not any(text in said.out + said.err for text in SAID), (name, said)
            answers[name] = said.out
    assert json.loads(answers["list"])["data"]["outdated"][0]["latest"] == "2.0"
    assert json.loads(answers["audit"])["data"]["not_in_sources"] == []
    for path in world.folder.rglob("*"):
        with contextlib.suppress(OSError):
            body = path.read_bytes()
            assert not any(text.encode() in body for text in SAID), path


KEYRING = """#!{python}
import json, sys
known = {{"username": "user", "password": {password!r}}}
print(json.dumps(known) if "--output=json" in sys.argv else known["password"])
"""
# Where a password may be written: variables, files below the world's folder, and words of the call; BARE and FULL are the
# index without and with it, DEAD is one that does not answer, ROOT is the folder.
PLACES = {
    "the call": ({}, {}, ["--index-url", "FULL"]),
    "the call, besides": ({}, {}, ["--index-url", "BARE", "--extra-index-url", "FULL"]),
    "the project": ({}, {"penstock.toml": '[plugin-manager]\nproviders = ["alpha<2"]\nindex-url = "FULL"\n'}, []),
    "uv.toml": ({"UV_NO_CONFIG": ""}, {"uv.toml": 'index-url = "FULL"\n'}, []),
    "pyproject.toml": ({"UV_NO_CONFIG": ""}, {"pyproject.toml": '[[tool.uv.index]]\nurl = "FULL"\ndefault = true\n'}, []),
    "a variable of uv": ({"UV_DEFAULT_INDEX": "FULL"}, {}, []),
    "variables of a named index": (
        {"UV_INDEX": "corp=BARE", "UV_INDEX_CORP_USERNAME": "user", "UV_INDEX_CORP_PASSWORD": PASSWORD, "PIP_INDEX_URL": "BARE"}, {}, [],
    ),
    "a variable of pip": ({"PIP_EXTRA_INDEX_URL": "FULL", "PIP_INDEX_URL": "BARE"}, {}, []),
    "pip.conf": ({"PIP_CONFIG_FILE": "ROOT/pip.conf"}, {"pip.conf": "[global]\nindex-url = FULL\n"}, []),
    "netrc": ({"NETRC": "ROOT/netrc"}, {"netrc": f"machine 127.0.0.1 login user password {PASSWORD}\n"}, ["--index-url", "BARE"]),
    "uv's store": (
        {"UV_CREDENTIALS_DIR": "ROOT"},
        {"credentials.toml": f'[[credential]]\nservice = "BARE"\nusername = "user"\npassword = "{PASSWORD}"\n'},
        ["--index-url", "BARE"],
    ),
    "a keyring": (
        {"PATH": "ROOT:/usr/bin:/bin", "UV_KEYRING_PROVIDER": "subprocess"},
        {"keyring": KEYRING.format(python=sys.executable, password=PASSWORD)}, ["--index-url", "BARE"],
    ),
}  # fmt: skip
ASKING = [["audit"], ["install", "beta", "--dry-run"], ["list", "--outdated", "--extra-index-url", "DEAD"]]


def holding_it(folder):
    """Return the files below a folder in which the password stands in any form."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and any(text.encode() in path.read_bytes() for text in SAID)
    ]


@contextlib.contextmanager
def planted(world, root, files):
    """Write files of settings into the project or beside it; afterwards the project is as it was."""
    kept = {path: path.read_bytes() for path in (world.intent, world.lock)}
    paths = [world.folder / name if name.endswith(".toml") and name[0] in "pu" else root / name for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        path.write_text(text)
        path.chmod(0o700)
    yield
    for path in paths:
        path.unlink()
    for path, body in kept.items():
        path.write_bytes(body)


def test_a_password_is_known_from_every_place_and_told_in_none(
    uv_world, own_wheels, tmp_path_factory, monkeypatch, capsys
):
    world = uv_world
    world.pm("install", "alpha<2")
    write_static_index(world.folder / "static", own_wheels, {})
    for name in set(os.environ) - set(world.variables):
        monkeypatch.delenv(name)
    monkeypatch.chdir(world.folder)
    with static_index(world.folder / "static", f"user:{PASSWORD}") as url:
        full = f"{url}simple/".replace("http://", "http://user:pa55-w0rd%2F%C3%BC@")
        for place, (variables, files, words) in PLACES.items():
            root = tmp_path_factory.mktemp("secrets")
            meant = {
                "ROOT": str(root),
                "BARE": f"{url}simple/",
                "FULL": full,
                "DEAD": full.replace(url.rpartition(":")[2], "1/"),
            }

            def filled(text, meant=meant):
                return functools.reduce(lambda whole, word: whole.replace(*word), meant.items(), text)

            own = {name: filled(text) for name, text in files.items()}
            with planted(world, root, own), monkeypatch.context() as patch:
                for name, text in {**world.variables, "HOME": str(root), **variables}.items():
                    patch.setenv(name, filled(text))
                for command in ASKING:
                    run([*map(filled, [*command, *words]), "--json"])
                    said = capsys.readouterr()
                    assert not any(text in said.out + said.err for text in SAID), (place, command, said)
                    if command == ["audit"]:
                        assert json.loads(said.out).get("data", {}).get("not_in_sources") == [], (place, said)
            assert holding_it(world.folder) == [], place


def test_a_password_of_the_project_file_is_in_no_other_file_after_a_change_and_a_rollback(generations):
    address = f"http://user:{quote(PASSWORD, safe='')}@127.0.0.1:1/simple/"
    generations.intent.write_text(f'[plugin-manager]\nindex-url = "{address}"\ncatalogs = ["{address}c.json"]\n')
    sources = ("--find-links", str(generations.wheels), "--no-index")
    generations.pm("install", "beta", *sources)
    generations.pm("disable", "beta")
    generations.pm("rollback", "1")
    assert holding_it(generations.folder) == [generations.intent]


def test_a_name_of_the_first_index_is_never_taken_from_another(world, own_wheels, tmp_path):
    public = tmp_path / "public"
    write_provider(public / "wheels", "beta", "99.0", requires=[])
    write_static_index(public, public / "wheels", {})
    write_static_index(tmp_path / "private", own_wheels, {})
    for login in ("user:unknown", ""):
        with static_index(tmp_path / "private", login) as first, static_index(public) as last:
            both = ["--index-url", f"{last}simple/", "--extra-index-url", f"{first}simple/"]
            world.pm("install", "beta", *both, sources=False, expect=1 if login else 0)
        assert world.standing().get("penstock-providers-beta") == (None if login else "1.0")


def test_a_file_of_which_the_index_tells_no_sha256_is_locked_with_it(world, own_wheels, tmp_path):
    root = tmp_path / "weak"
    name = write_wheel(own_wheels, "lib-a", "1.5", files={"lib_a.py": "VERSION = '1.5'\n"}).name
    write_static_index(root, own_wheels, {name: {"hashes": {"md5": "0" * 32}}})
    with static_index(root) as url:
        said = world.pm("install", "alpha", "--index-url", f"{url}simple/", sources=False, expect=6)
        assert "differs" in said.err
        write_static_index(root, own_wheels, {name: {"hashes": {}}})
        world.pm("install", "alpha", "--index-url", f"{url}simple/", sources=False)
    assert "hashes = {}" not in world.lock.read_text()
