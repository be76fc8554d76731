"""Where distributions come from, and as whom servers are asked: each place that uv and pip know, one rule for all of them."""

from __future__ import annotations

import os

import pytest

from penstock_plugin_manager.errors import ManagerError, UsageError
from penstock_plugin_manager.index.network import Network, shown, taken_apart
from penstock_plugin_manager.index.sources import RequestedSources, read_sources

SECRET = "s3cr3t/@:é"
LOGIN = "user:s3cr3t%2F%40%3A%C3%A9@"
ADDRESS = "https://index.test/simple/"
WITH = f"https://{LOGIN}index.test/simple/"


@pytest.fixture
def machine(tmp_path):
    """A machine without settings: a function that reads the sources of a project on it, and its folders."""
    project, home = tmp_path / "project", tmp_path / "home"
    for folder in (project, home / ".config/uv", home / ".config/pip"):
        folder.mkdir(parents=True)

    def read(named=None, **variables):
        common = {"HOME": str(home), "XDG_CONFIG_DIRS": str(tmp_path / "none"), "PIP_CONFIG_FILE": os.devnull}
        return read_sources(named or RequestedSources(), {**common, **variables}, project)

    read.project, read.home = project, home
    return read


PLACES = {
    "the call": ({}, {}, RequestedSources(WITH)),
    "the call, besides": ({}, {}, RequestedSources(extras=(WITH,))),
    "UV_DEFAULT_INDEX": ({"UV_DEFAULT_INDEX": WITH}, {}, None),
    "UV_INDEX_URL": ({"UV_INDEX_URL": WITH}, {}, None),
    "UV_EXTRA_INDEX_URL": ({"UV_EXTRA_INDEX_URL": f"{WITH} https://other.test/"}, {}, None),
    "UV_INDEX": ({"UV_INDEX": f"https://other.test/ corp={WITH}"}, {}, None),
    "a named index of uv": (
        {"UV_INDEX_MY_CORP_USERNAME": "user", "UV_INDEX_MY_CORP_PASSWORD": SECRET},
        {"project/uv.toml": f'[[index]]\nname = "my-corp"\nurl = "{ADDRESS}"\n'}, None,
    ),
    "a named index in UV_INDEX": (
        {"UV_INDEX": f"corp={ADDRESS}", "UV_INDEX_CORP_USERNAME": "user", "UV_INDEX_CORP_PASSWORD": SECRET}, {}, None,
    ),
    "uv.toml": ({}, {"project/uv.toml": f'index-url = "{WITH}"\n'}, None),
    "uv.toml, besides": ({}, {"project/uv.toml": f'extra-index-url = ["{WITH}"]\n'}, None),
    "uv.toml, pip": ({}, {"project/uv.toml": f'[pip]\nindex-url = "{WITH}"\n'}, None),
    "uv.toml above the project": ({}, {"uv.toml": f'index-url = "{WITH}"\n'}, None),
    "uv.toml of the user": ({}, {"home/.config/uv/uv.toml": f'[[index]]\nurl = "{WITH}"\ndefault = true\n'}, None),
    "uv.toml by name": ({"UV_CONFIG_FILE": "{root}/my.toml"}, {"my.toml": f'index-url = "{WITH}"\n'}, None),
    "pyproject.toml": ({}, {"project/pyproject.toml": f'[[tool.uv.index]]\nurl = "{WITH}"\n'}, None),
    "PIP_INDEX_URL": ({"PIP_INDEX_URL": WITH}, {}, None),
    "PIP_EXTRA_INDEX_URL": ({"PIP_EXTRA_INDEX_URL": f"https://other.test/ {WITH}"}, {}, None),
    "pip.conf of the user": ({"PIP_CONFIG_FILE": ""}, {"home/.config/pip/pip.conf": f"[global]\nindex-url = {WITH}\n"}, None),
    "pip.conf, install": ({"PIP_CONFIG_FILE": ""}, {"home/.pip/pip.conf": f"[install]\nindex_url = {WITH}\n"}, None),
    "pip.conf, besides": (
        {"PIP_CONFIG_FILE": "{root}/p.conf"}, {"p.conf": f"[global]\nextra-index-url =\n  https://other.test/\n  {WITH}\n"}, None,
    ),
    "UV_FIND_LINKS": ({"UV_FIND_LINKS": WITH}, {}, None),
    "PIP_FIND_LINKS": ({"PIP_FIND_LINKS": f"/somewhere {WITH}"}, {}, None),
    "an index that the call replaces": ({"PIP_INDEX_URL": WITH}, {}, RequestedSources("https://other.test/")),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_credentials_are_known_from_wherever_uv_or_pip_know_them(machine, tmp_path, place):
    variables, files, named = PLACES[place]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = machine(named, **{key: text.replace("{root}", str(tmp_path)) for key, text in variables.items()})
    login = found.network.login_for(f"{ADDRESS}pkg/")
    assert (login.username, login.password) == ("user", SECRET)
    assert not any("user" in each for each in (*found.indexes, *found.find_links)), "an address carries no password"
    assert (ADDRESS in (*found.indexes, *found.find_links)) is (place != "an index that the call replaces")
    assert found.network.full_address(ADDRESS) == WITH


@pytest.mark.parametrize(
    ("named", "variables", "indexes"),
    [
        pytest.param(None, {}, [""], id="nobody names one"),
        pytest.param(RequestedSources(extras=("https://a/",)), {}, ["https://a/", ""], id="others are asked first"),
        pytest.param(RequestedSources("https://a/"), {"UV_INDEX": "https://b/", "PIP_INDEX_URL": "https://c/"}, ["https://a/"], id="one"),
        pytest.param(None, {"UV_INDEX": "https://b/", "PIP_INDEX_URL": "https://c/"}, ["https://b/", "https://c/"], id="uv's, then pip's"),
        pytest.param(None, {"UV_DEFAULT_INDEX": "https://b/", "PIP_EXTRA_INDEX_URL": "https://c/"}, ["https://b/"], id="uv's alone"),
        pytest.param(RequestedSources(no_index=True), {"PIP_INDEX_URL": "https://c/"}, [], id="none"),
        pytest.param(None, {"PIP_NO_INDEX": "1"}, [], id="none, says the machine"),
    ],
)  # fmt: skip
def test_the_order_of_the_indexes_is_one(machine, named, variables, indexes):
    assert list(machine(named, **variables).indexes) == indexes


@pytest.mark.parametrize(
    ("variables", "attribute", "value"),
    [
        ({"PIP_CERT": "/ca"}, "certificates", "/ca"),
        ({"REQUESTS_CA_BUNDLE": "/ca"}, "certificates", "/ca"),
        ({"CURL_CA_BUNDLE": "/ca"}, "certificates", "/ca"),
        ({"SSL_CERT_FILE": "/ca", "REQUESTS_CA_BUNDLE": "/other"}, "certificates", "/ca"),
        ({"SSL_CERT_DIR": "/ca"}, "certificates", "/ca"),
        ({"PIP_CLIENT_CERT": "/me"}, "client_certificate", "/me"),
        ({"SSL_CLIENT_CERT": "/me"}, "client_certificate", "/me"),
        ({"UV_INSECURE_HOST": "a b:8"}, "trusted_hosts", ("a", "b:8")),
        ({"PIP_TRUSTED_HOST": "a"}, "trusted_hosts", ("a",)),
        ({"UV_KEYRING_PROVIDER": "subprocess"}, "keyring", True),
        ({"PIP_KEYRING_PROVIDER": "import"}, "keyring", True),
        ({"PIP_PROXY": "http://p:1"}, "proxy", "http://p:1"),
    ],
)
def test_trust_is_one(machine, variables, attribute, value):
    assert getattr(machine(**variables).network, attribute) == value


def test_the_other_settings_of_uv_are_left_to_it(machine):
    (machine.project / "pyproject.toml").write_text(
        '[tool.uv]\nindex-url = "https://a/"\nexclude-newer = "2026-01-01"\nsources = { x = { path = "." } }\n'
    )
    assert machine().rest == {"exclude-newer": "2026-01-01"}
    assert machine(UV_NO_CONFIG="1").rest == {}


@pytest.mark.parametrize(
    ("file", "text"),
    [("project/uv.toml", "= no toml"), ("home/.pip/pip.conf", "no section = 1\n"), ("home/.pip/pip.conf", b"\xff")],
)
def test_a_settings_file_that_cannot_be_read_is_named(machine, tmp_path, file, text):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ManagerError, match=str(tmp_path / file)):
        machine(PIP_CONFIG_FILE="")


@pytest.mark.parametrize("address", ["http://a:b@[::1", "http://h:port/", "http://u:p@h:99999999/"])
def test_an_address_that_is_none_is_refused_without_its_password(machine, address):
    with pytest.raises(ManagerError) as refused:
        machine(RequestedSources(address))
    assert ":b@" not in str(refused.value)
    assert ":p@" not in str(refused.value)


def test_of_two_logins_at_one_host_the_nearer_one_is_sent():
    network = Network()
    for address in ("https://a:1@h/one/", "https://b:2@h/two/", "https://c:3@other/"):
        _, network = network.with_address(address)
    assert network.login_for("https://h/two/pkg/").username == "b"
    assert network.login_for("https://h/files/x.whl") is not None
    assert network.login_for("http://h/two/") is None, "another scheme is another realm"
    assert network.login_for("https://h:444/two/") is None
    assert network.login_for("https://h:443/two/").username == "b"


def test_what_is_shown_of_an_address_has_no_secret():
    assert shown("https://u:p@h/a?token=t#sha256=1") == "https://h/a"
    assert shown("/some/folder#1") == "/some/folder#1"


@pytest.mark.parametrize("password", ["s3cr3t/x", "s3cr3t#x", "s3cr3t?x", "s3cr3t\u2100x", "s3cr3t]x", "[s3cr3t"])
def test_an_address_that_cannot_be_read_is_refused_without_a_part_of_its_password(password):
    with pytest.raises(UsageError) as told:
        taken_apart(f"https://user:{password}@host/simple/")
    assert (
        "s3cr3t" not in f"{told.value} {told.value.hint} {told.value.detail} {shown(f'https://user:{password}@host/')}"
    )
