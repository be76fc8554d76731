"""Who published what, as an index tells it: an index that cannot be asked tells nothing, least of all that somebody is gone."""

from __future__ import annotations

import json

import pytest

from penstock_plugin_manager.change.publishers import ask_publishers
from penstock_plugin_manager.change.session import Session, SessionOptions
from penstock_plugin_manager.model.lock import File, Lock, Locked, write_lock
from penstock_plugin_manager.output import Console

FILE = "pkg-1.0-py3-none-any.whl"
PAGE = {"files": [{"filename": FILE, "url": FILE, "provenance": "/by"}]}
BY = {"attestation_bundles": [{"publisher": {"kind": "GitHub", "repository": "acme/pkg"}}]}
KNOWN = "GitHub acme/pkg"


def _json(data, status=200):
    return status, {"Content-Type": "application/vnd.pypi.simple.v1+json"}, json.dumps(data).encode()


@pytest.mark.parametrize("remembered", [KNOWN, ""])
@pytest.mark.parametrize(
    ("answers", "found", "problem", "not_asked"),
    [
        pytest.param({"/simple/pkg/": _json(PAGE), "/by": _json(BY)}, {"pkg": KNOWN}, "", "", id="attested"),
        pytest.param({"/simple/pkg/": _json(PAGE)}, {}, "no longer attested", "", id="the attestation is gone"),
        pytest.param({"/simple/pkg/": _json({"files": []})}, {}, "no longer attested", "", id="the file is gone"),
        pytest.param({}, {}, "no longer attested", "", id="the name is gone"),
        pytest.param({"/simple/pkg/": _json({}, 503)}, {}, "", "HTTP 503", id="index down"),
        pytest.param({"/simple/pkg/": _json(PAGE), "/by": _json({}, 500)}, {}, "", "HTTP 500", id="attestation down"),
        pytest.param({"/simple/pkg/": (200, {}, b"<form>")}, {}, "", "is no page of a package index", id="a form"),
        pytest.param(None, {}, "", "--offline forbids it", id="offline"),
    ],
)  # fmt: skip
def test_could_not_ask_is_not_no(serve, tmp_path, answers, found, problem, not_asked, remembered):
    server = serve()
    server.answers = answers or {}
    package = Locked("pkg", "1.0", wheels=(File(FILE, f"{server.url}/{FILE}", sha256="0" * 64),), publisher=remembered)
    (tmp_path / "pylock.toml").write_text(write_lock(Lock((package,))))
    options = SessionOptions(project=str(tmp_path), index_url=f"{server.url}/simple/", offline=answers is None)
    said = ask_publishers(Session(options, Console(quiet=True)), remember=False)
    assert said.found == found
    assert [problem in text for _, text in said.problems] == ([True] if remembered and problem else [])
    assert [not_asked in text for _, text in said.not_asked] == ([True] if not_asked else [])
