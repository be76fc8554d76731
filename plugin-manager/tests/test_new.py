"""What `new` writes, for each kind, and what it refuses; that it works is shown by tests/packaging/test_kit.py."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from penstock_manifest.judge import read_manifest

from penstock_plugin_manager.cli import main
from penstock_plugin_manager.commands.author.template import (
    provider_files,
    template_files,
    template_kinds,
    with_what_they_need,
)


@pytest.fixture
def new(tmp_path, monkeypatch, capsys):
    """A function that runs the command in an empty folder; returns its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = main(["new", *words])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["aws"], "A catalog has a provider 'aws' already", id="taken"),
        pytest.param(["import"], "'import' is a word of Python", id="keyword"),
        pytest.param(["match"], "'match' is a word of Python", id="soft keyword"),
        pytest.param(["json"], "'json' is a module of Python's own", id="standard library"),
        pytest.param(["core"], "'core' is a part of Penstock", id="ours"),
        pytest.param(["a" * 31], "has 31 characters", id="too long"),
        pytest.param(["Acme"], "'Acme' is no provider id", id="capital"),
        pytest.param(["9acme"], "'9acme' is no provider id", id="digit"),
        pytest.param(["acme--ftp"], "'acme--ftp' is no provider id", id="two dashes"),
        pytest.param(["acme-"], "'acme-' is no provider id", id="dash at the end"),
        pytest.param(["acme", "--kinds", "boxes"], "'boxes' is no kind of capability", id="no kind"),
        pytest.param(["acme", "--kinds", ""], "--kinds names none", id="no kinds"),
        pytest.param(["acme", "--distribution", "a b"], "'a b' is no name of a distribution", id="distribution"),
        pytest.param(["acme", "--distribution", "Penstock_Core"], "is a part of Penstock", id="our distribution"),
        pytest.param(["acme", "--name", "two\nlines"], "--name 'two\\nlines' cannot be written down", id="two lines"),
        pytest.param(["acme", "--name", 'a "quote"'], "cannot be written down", id="quotes"),
        pytest.param(["acme", "--name", " "], "cannot be written down", id="no name"),
        pytest.param(["acme", "--repository", "here"], "--repository 'here' is no address", id="no address"),
        pytest.param(["acme", "--repository", 'https://x/"'], "cannot be written down", id="address with a quote"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_written(new, tmp_path, words, says):
    code, said = new(*words)

    assert code != 0
    assert says in said
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_left_alone(new, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "mine").touch()

    code, said = new("acme", "--folder", "here")

    assert (code, "is not empty" in said) == (1, True)
    assert [each.name for each in (tmp_path / "here").iterdir()] == ["mine"]


@pytest.mark.parametrize("kind", template_kinds(template_files()))
def test_each_kind_alone_has_what_it_needs_and_nothing_else(kind):
    kinds = with_what_they_need([kind], template_files())
    files = provider_files("acme_ftp", 'The "Lake" House', "penstock-providers-acme-ftp", kinds)

    read = read_manifest(files["src/penstock_acme_ftp/provider.toml"].encode(), "acme_ftp", strict=True)
    assert read.problems == ()
    assert read.manifest.name == 'The "Lake" House'
    assert {each.kind for each in read.manifest.capabilities} == set(kinds)
    for path, text in files.items():
        assert "sample" not in (path + text).lower(), path
    assert ("penstock-server" in files["pyproject.toml"]) is ("executors" in kinds)
    imported = {
        line.split()[1].replace(".", "/") for text in files.values() for line in text.splitlines()
        if line.startswith("from penstock_acme_ftp.")
    }  # fmt: skip
    assert {f"src/{module}.py" for module in imported} <= files.keys()


IDS = (
    "a",
    "zz",
    "acme",
    "a1_b2",
    "acme_ftp",
    "a" * 12,
    "a" * 18,
    "abcd_efgh_ijkl_mnop",
    "a" * 24,
    "z9_" * 9 + "z",
    "m" * 30,
)


def test_what_is_written_keeps_the_rules_of_its_own_workflow_with_an_id_of_any_length(tmp_path):
    kinds = template_kinds(template_files())
    for provider_id in IDS:
        files = provider_files(provider_id, f"The {'long ' * 18}name", f"penstock-providers-{provider_id}", kinds)
        for path, text in files.items():
            (tmp_path / provider_id / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / provider_id / path).write_text(text)
    for command in (["check"], ["format", "--diff"]):
        ruff = [Path(sys.executable).parent / "ruff", *command, "--no-cache", tmp_path]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_the_address_of_the_repository_stands_in_its_links(new, tmp_path):
    new("acme", "--repository", "https://git.example.org/acme")

    text = (tmp_path / "penstock-providers-acme" / "pyproject.toml").read_text()
    assert 'Homepage = "https://git.example.org/acme"' in text
    assert "example.com" not in text


@pytest.mark.parametrize("was_there", [True, False])
def test_where_the_disk_is_full_nothing_is_left(new, tmp_path, was_there):
    """The next try finds the folder as it was."""
    folder = tmp_path / "here"
    if was_there:
        folder.mkdir()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, limits[1]))
    try:
        code, said = new("acme", "--folder", str(folder))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert (code, "cannot be written" in said) == (1, True)
    assert list(tmp_path.rglob("*")) == ([folder] if was_there else [])
    assert new("acme", "--folder", str(folder))[0] == 0
