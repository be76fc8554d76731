"""Every manifest of the corpus is judged as its head says: by the reader, and as an installed provider.

Lines ``# problem:`` forbid the provider, ``# strict:`` are for its author alone, ``# note:`` forbids nothing. A problem that ends with
an ellipsis is the beginning of one, ``{kinds}`` stands for the names of all kinds. The core's tests and the plugin manager's hold
their doors to the same files.
"""

from pathlib import Path

import pytest

from penstock_manifest.environments import SearchPath
from penstock_manifest.format import plain, to_data
from penstock_manifest.judge import MOST_BYTES, read_manifest
from penstock_manifest.kinds import ARRAYS
from penstock_manifest.providers import read_providers

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.toml"))


def expected(file):
    """Problems, further problems for the author, and notes, by the head of a file."""
    text = file.read_bytes().decode("utf-8-sig", errors="replace")
    lines = text.replace("{kinds}", ", ".join(ARRAYS)).splitlines()
    return [
        [line.removeprefix(f"# {mark}: ") for line in lines if line.startswith(f"# {mark}: ")]
        for mark in ("problem", "strict", "note")
    ]


def equal(told, wanted):
    """Whether sentences are those that are wanted, in any order."""
    ends = [want.removesuffix("…") if want == "it is no TOML…" else want for want in wanted]
    cut = [tell[: len(end)] if end == "it is no TOML" else tell for tell in told for end in ends[:1] or [""]]
    return sorted(cut) == sorted(ends)


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
def test_a_manifest_is_judged_as_its_head_says(site, file):
    problems, strict, notes = expected(file)
    text = file.read_bytes()

    read = read_manifest(text, "acme", served=range(1, 2))
    by_author = read_manifest(text, "acme", served=range(1, 2), strict=True)
    package = site.package("acme")
    (package / "provider.toml").write_bytes(text)
    site.info("acme")
    (provider,) = read_providers(SearchPath((str(site.folder),)), served=range(1, 2))

    assert equal(read.problems, problems), read.problems
    assert equal(by_author.problems, [*problems, *strict]), by_author.problems
    assert (list(read.notes), read.manifest is None) == (notes, bool(problems))
    assert (provider.manifest, provider.problems, provider.notes) == read


def test_the_corpus_holds_sound_broken_and_strict_ones():
    kinds = {file.stem.partition("_")[0] for file in CORPUS}

    assert kinds == {"sound", "broken", "strict"}
    assert len(CORPUS) >= 60


def test_a_manifest_of_any_size_is_refused_before_it_is_parsed():
    assert "at most 1,000,000" in read_manifest(b"#" * (MOST_BYTES + 1)).problems[0]


def test_what_is_written_for_people_is_one_line_that_is_safe_to_show():
    text = (CORPUS[0].parent / "sound_text_of_several_lines.toml").read_bytes()

    assert read_manifest(text).manifest.doc == "Talks to Acme. And [2Jmore."
    assert len(plain("x" * 10_000)) == 300


def test_a_manifest_becomes_data_for_json():
    manifest = read_manifest((CORPUS[0].parent / "sound_whole.toml").read_bytes()).manifest
    data = to_data(manifest)

    assert data["capabilities"][1]["parameters"][0] == {
        "name": "box", "type": "str", "doc": "Which.", "required": True, "default": None
    }  # fmt: skip
    assert data["extras"] == {"iam": "Logs in by IAM."}
