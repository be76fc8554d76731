"""The manager's own client, against servers that ask for passwords, lead elsewhere, and answer what is no index."""

from __future__ import annotations

import json

import pytest

from penstock_plugin_manager.errors import ManagerError, MissingError
from penstock_plugin_manager.index.client import Client
from penstock_plugin_manager.index.network import Network
from penstock_plugin_manager.index.simple import read_project
from penstock_plugin_manager.index.sources import RequestedSources, read_sources

PASSWORD = "s3cr3t-w0rd"
LOGIN = f"user:{PASSWORD}"
CREDS = json.dumps({"username": "user", "password": PASSWORD})


def _sources(tmp_path, *indexes, **variables):
    named = RequestedSources(indexes[-1], tuple(indexes[:-1]))
    return read_sources(named, {"HOME": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null", **variables}, tmp_path)


def _client(sources, hide=lambda _: None):
    return Client(lambda: sources.network, hide, str)


def _with_user(url, user=f"user:{PASSWORD}"):
    return url.replace("http://", f"http://{user}@")


LOOKED_UP = {
    "netrc": ({".netrc": f"machine 127.0.0.1 login user password {PASSWORD}\n"}, {}, ""),
    "another netrc": ({"n": f"machine 127.0.0.1 login user password {PASSWORD}\n"}, {"NETRC": "{home}/n"}, ""),
    "uv's store": (
        {".local/share/uv/credentials/credentials.toml": f'[[credential]]\nservice = "{{url}}/"\nusername = "user"\n'
         f'scheme = "basic"\npassword = "{PASSWORD}"\n'}, {}, "",
    ),
    "keyring by name": (
        {"bin/keyring": f'#!/bin/sh\n[ "$1 $3" = "get user" ] && echo {PASSWORD}\n'},
        {"UV_KEYRING_PROVIDER": "subprocess"}, "user",
    ),
    "keyring": ({"bin/keyring": f"#!/bin/sh\n[ $4 = {{url}}/simple/ ] && echo '{CREDS}'\n"}, {"PIP_KEYRING_PROVIDER": "import"}, ""),
}  # fmt: skip


@pytest.mark.parametrize("place", LOOKED_UP)
def test_a_password_is_looked_up_where_uv_and_pip_look_and_is_hidden_from_then_on(serve, tmp_path, monkeypatch, place):
    files, variables, user = LOOKED_UP[place]
    server = serve(LOGIN)
    server.page("pkg", "1.0")
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("{url}", server.url))
        file.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/bin:/usr/bin")
    index = f"{server.url}/simple/"
    variables = {key: text.replace("{home}", str(tmp_path)) for key, text in variables.items()}
    sources = _sources(tmp_path, _with_user(index, user) if user else index, **variables)
    hidden: list[str] = []
    assert read_project("pkg", sources, _client(sources, hidden.append)).versions() == ["1.0"]
    assert hidden == [PASSWORD]


def test_files_of_an_index_are_fetched_with_its_password_and_other_hosts_do_not_hear_it(serve, tmp_path):
    server, other = serve(LOGIN), serve()
    server.answers["/files/a"] = (200, {}, b"body")
    server.answers["/moved"] = (302, {"Location": f"{other.url}/there"}, b"")
    other.answers["/there"] = (200, {}, b"far")
    sources = _sources(tmp_path, _with_user(f"{server.url}/simple/"))
    client = _client(sources)
    assert client.fetch(f"{server.url}/files/a").body == b"body"
    assert client.fetch(f"{server.url}/moved").body == b"far"
    assert other.asked == [("/there", None)]
    assert server.asked[0] == ("/files/a", server.wanted), "it is sent at once"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param((401, {}, b""), "asks for a password, and none is known for it", id="401"),
        pytest.param((403, {}, b""), "asks for a password", id="403"),
        pytest.param((500, {}, b""), "answers with HTTP 500", id="500"),
        pytest.param((200, {}, b""), "is no page of a package index", id="nothing"),
        pytest.param((200, {}, b"<form><input name=user></form>"), "is no page of a package index", id="a form"),
        pytest.param((200, {}, b"<title>Index of logins</title><form><input></form>"), "is no page", id="a form with a title"),
        pytest.param((200, {}, b"<p>Please log in. <a href='/login'>Here</a>"), "is no page of a package index", id="words"),
        pytest.param((200, {"Content-Type": "application/json"}, b'{"files": [{}]}'), "is no page of", id="other JSON"),
        pytest.param((200, {"Content-Type": "application/json"}, b"[" * 100_000), "is no page of", id="deep JSON"),
        pytest.param((302, {"Location": "/simple/pkg/"}, b""), "redirects in a circle", id="circle"),
        pytest.param((302, {"Location": "file:///etc/passwd"}, b""), "no address of the web", id="to the disk"),
        pytest.param((200, {"Content-Length": "99"}, b"<h1>Links for"), "was cut off after", id="cut off"),
    ],
)  # fmt: skip
def test_an_index_that_does_not_tell_is_named_and_no_other_is_asked_instead(serve, tmp_path, answer, words):
    private, public = serve(), serve()
    public.page("pkg", "99.0")
    private.answers["/simple/pkg/"] = answer
    sources = _sources(tmp_path, f"{private.url}/simple/", f"{public.url}/simple/")
    with pytest.raises(ManagerError, match=words) as refused:
        read_project("pkg", sources, _client(sources))
    assert not isinstance(refused.value, MissingError)
    assert private.url in str(refused.value)
    assert public.asked == []


def test_the_first_index_that_has_a_name_is_the_only_one_for_it(serve, tmp_path):
    private, public = serve(), serve()
    private.page("pkg", "1.0")
    public.page("pkg", "99.0")
    public.page("lib", "2.0")
    private.answers["/simple/empty/"] = (200, {}, b"<!DOCTYPE html><html><body><h1>Links for empty</h1></body></html>")
    sources = _sources(tmp_path, f"{private.url}/simple/", f"{public.url}/simple/")
    client = _client(sources)
    assert read_project("pkg", sources, client).versions() == ["1.0"]
    assert read_project("lib", sources, client).versions() == ["2.0"]
    with pytest.raises(MissingError):
        read_project("none", sources, client)
    with pytest.raises(MissingError):
        read_project("empty", sources, client)
    with pytest.raises(ManagerError, match="--offline forbids it"):
        read_project("pkg", sources, Client(Network, print, str, offline=True))
