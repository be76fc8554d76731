"""The files of the UI: exact names, headers that let browsers keep them, and its page for every path at which it has one."""

import gzip
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from penstock_server.http.pages import PAGES, Pages


@pytest.fixture
def ask(tmp_path, caller):
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "assets" / "app-1f3.js").write_text("let a = 1;\n" * 200)
    return caller(Starlette(routes=[Mount("/", Pages(folder))]), token="")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/dags/",
        "/dags/sales",
        "/index.html",
        "/dags/a%2Fb/runs/..%2F..",
        "/dags/x/runs/y/tasks/z",
        "/installation/pools",
    ],
)
def test_each_path_of_the_ui_is_its_page_which_is_asked_for_anew(ask, path):
    answer = ask("GET", path)
    assert (answer.status, answer.body, answer.headers["cache-control"]) == (200, b"<!doctype html>", "no-store")
    assert answer.headers["content-type"].startswith("text/html")


NOTHING = (
    "/nope",
    "/health/livelier",
    "/favicon.ico",
    "/..%2Fsecret.txt",
    "/../secret.txt",
    "//etc/passwd",
    "/dags//runs/x",
)


@pytest.mark.parametrize("path", NOTHING)
def test_a_program_that_asks_for_what_is_not_there_is_told_so_and_a_person_is_shown_so(ask, path):
    answer = ask("GET", path)
    assert (answer.status, answer.json["detail"].startswith("there is nothing at ")) == (404, True)
    shown = ask("GET", path, accept="text/html,*/*")
    assert (shown.status, shown.body) == (404, b"<!doctype html>")


def test_the_server_knows_the_pages_that_the_ui_has():
    source = Path(__file__).parents[1] / "ui" / "src" / "lib" / "pages.ts"
    assert tuple(re.findall(r'^  \["(/[^"]*)",', source.read_text(encoding="utf-8"), re.MULTILINE)) == PAGES


def test_a_file_with_its_hash_in_its_name_is_kept_and_sent_small(ask):
    plain, packed = ask("GET", "/assets/app-1f3.js"), ask("GET", "/assets/app-1f3.js", accept_encoding="gzip, br")
    assert "immutable" in plain.headers["cache-control"]
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 10


def test_a_file_of_another_build_is_not_there_instead_of_being_the_page(ask):
    answer = ask("GET", "/assets/app-000.js")
    assert (answer.status, "Load the page again" in answer.json["detail"]) == (404, True)


def test_pages_are_read(ask):
    assert ask("POST", "/dags", {}).status == 405


def test_a_server_without_a_ui_says_where_its_api_is(tmp_path, caller):
    ask = caller(Starlette(routes=[Mount("/", Pages(tmp_path / "none"))]))
    assert ask("GET", "/").json["detail"] == "this server has no UI in it. Its API is at /api/v1."
