"""What the judge says of each manifest of the corpus is what `penstock providers` and the suite for authors show."""

import json
import sys
from pathlib import Path

import pytest

from penstock.cli import root
from penstock.testing import provider_checks as checks
from penstock_manifest.judge import read_manifest
from penstock_testkit.installations import Site
from penstock_testkit.nightly import thinned

CORPUS = sorted((Path(__file__).parents[3] / "manifest" / "tests" / "corpus").glob("*.toml"))


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A function that installs a manifest as the provider `acme`."""
    site = Site(tmp_path)
    site.info("acme", version="1")
    package = site.package("acme")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.chdir(tmp_path)
    return package.joinpath("provider.toml").write_bytes


@pytest.mark.parametrize("file", thinned(CORPUS, 8), ids=lambda file: file.stem)
def test_both_doors_show_what_the_judge_says(installed, file, capfd):
    text = file.read_bytes()
    installed(text)

    code = root.run(["providers", "show", "acme", "--json"], {})
    shown = json.loads(capfd.readouterr().out)
    subject = checks.Subject("acme")

    read = read_manifest(text, "acme", served=range(1, 2))
    assert (code, shown["active"]) == ((1, False) if read.problems else (0, True))
    assert (tuple(shown["problems"]), tuple(shown["notes"])) == (read.problems, read.notes)
    assert subject.problems == read_manifest(text, "acme", served=range(1, 2), strict=True).problems
    assert subject.manifest == read.manifest
