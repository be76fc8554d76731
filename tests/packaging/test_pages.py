"""The manager's own pages: what a reader would type is typed, against an index with small stand-ins of the providers."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from house.pages import Reader, blocks_of, commands_of
from penstock_plugin_manager.registry import COMMANDS, command_parser
from penstock_testkit.package_index import pypiserver
from penstock_testkit.wheels import small_manifest, write_provider, write_wheel

DOCS = Path(__file__).parents[2] / "docs"
TUTORIAL, HOW_TO = DOCS / "tutorial" / "providers.md", DOCS / "how-to" / "manage-providers.md"
TESTING = DOCS / "how-to" / "test-a-provider.md"


@pytest.fixture(scope="module")
def index(tmp_path_factory, universe):
    """An index with the versions that the pages show."""
    folder = tmp_path_factory.mktemp("pages") / "wheels"
    folder.mkdir()
    for core in universe.glob("penstock_core-*"):
        shutil.copy(core, folder)
    write_wheel(folder, "botocore", "1.44.5", files={"botocore.py": ""})
    write_wheel(folder, "boto3", "1.44.5", files={"boto3.py": ""}, requires=["botocore"])
    write_wheel(folder, "psycopg", "3.3", files={"psycopg.py": ""})
    write_provider(folder, "aws", "0.1.0", requires=["penstock-core>=0.1", "boto3"])
    write_provider(folder, "redshift", "0.1.0", requires=["penstock-core>=0.1", "psycopg"], manifest=_redshift())
    with pypiserver(folder) as url:
        yield url


def _redshift() -> str:
    tables = '[[operators]]\nid = "redshift.sql"\nobject = "penstock_redshift.operators:Sql"\ndoc = "Runs SQL."\n'
    return small_manifest("redshift", tables=tables)


@pytest.fixture
def reader(tmp_path, index, caches) -> Reader:
    """Someone in an empty folder, whose uv asks that index."""
    desk = tmp_path / "shop"
    desk.mkdir()
    hidden = ("PIP_", "UV_", "PENSTOCK_", "VIRTUAL_ENV", "PYTHON")
    variables = {name: text for name, text in os.environ.items() if not name.startswith(hidden)}
    variables |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "UV_DEFAULT_INDEX": index, "HOME": str(tmp_path),
        "UV_CACHE_DIR": str(caches / "uv"), "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1",
        "PENSTOCK_CACHE": str(tmp_path / "cache"),
    }  # fmt: skip
    return Reader(desk, variables)


def follow(reader: Reader, text: str) -> None:
    problems = reader.follow(text)
    assert not problems, problems[0]


def test_a_stranger_can_follow_the_tutorial(reader):
    text = TUTORIAL.read_text().replace('$ pip install "penstock-plugin-manager[uv]"\n', "")  # it stands already
    plan = "$ plugin-manager plan install aws redshift"
    assert plan in text
    follow(reader, text.replace(plan, f"{plan} || test $? -eq 2"))  # as the page says


def test_the_how_to_page_does_what_it_says(reader):
    follow(reader, "```console\n$ plugin-manager init\n$ plugin-manager install aws\n```\n")
    follow(reader, HOW_TO.read_text())


@pytest.mark.parametrize("page", [TUTORIAL, HOW_TO, TESTING], ids=lambda path: path.stem)
def test_every_command_that_a_page_names_exists_with_its_options(page):
    text = page.read_text()
    typed = re.findall(r"`plugin-manager ([^`]+)`", text)
    typed += [each.line.removeprefix("plugin-manager ") for block in blocks_of(text) for each in commands_of(block)]
    named = [shlex.split(each.partition(" | ")[0]) for each in typed if not each.startswith("pip ")]
    assert len(named) > 6
    for words in named:
        parser, _ = command_parser(words[0])
        parser.parse_args(words[1:])


def test_every_verb_that_changes_has_its_place_in_the_pages():
    text = TUTORIAL.read_text() + HOW_TO.read_text()
    missing = [
        name for name, entry in COMMANDS.items() if entry.group in {"change", "time", "safety"} and name not in text
    ]
    assert missing == []
