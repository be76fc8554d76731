"""An index that wants a password: asked alike by uv, pip and the manager itself, and the password stays where it was written."""

from __future__ import annotations

import contextlib
import json
import os

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
