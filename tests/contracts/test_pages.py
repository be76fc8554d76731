"""Every command and snippet of the documentation is run, and does what its page says."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

import click
import pytest

from house.pages import LONGEST_S, PLAIN, SERVER, Block, Reader, blocks_of, commands_of, matches
from house.tree import files_of
from penstock.cli import root
from penstock.testing import load_dags
from penstock_testkit.beside import WITHOUT_SERVER
from penstock_testkit.commands import fork_server
from penstock_testkit.nightly import nightly_but
from wheels import BUILD

ROOT = Path(__file__).parents[2]
RUN_ELSEWHERE = {
    "providers.md",
    "manage-providers.md",
    "the-ui.md",
}  # tests/packaging runs their commands: against an index of its own, and beside a browser
PAGES = [path for folder in ("tutorial", "how-to") for path in sorted((ROOT / "docs" / folder).glob("*.md"))]
PAGES = [path for path in PAGES if "\n```console\n" in path.read_text() and path.name not in RUN_ELSEWHERE]
KEPT = {"use-the-api", "operate-runs", "connections-and-variables"}
"""Of the pages beside whose commands `penstock up` runs, those that are followed with each change; the others are each night.

The first tutorial is followed with each change by a reader who has Penstock, and at night by one who installs it.
"""
LEFT = {"simulate-a-dag"}
"""Of the others, those that wait for the night all the same: `core/tests/testing/test_simulate.py` plays such worlds."""
KEPT_PAGES = [
    path for path in PAGES if path.stem in KEPT or (path.stem not in LEFT and f"\n$ {SERVER}\n" not in path.read_text())
]
COMMANDS_OF_PROVIDERS = {f"no command {name}" for name in ("our_commands", "shop", "teams", "tokens", "users")}
"""What pages type that no part of the core has: their own pages or tests run these."""
TWO_MINUTES_S = 120.0  # of the machine, for a whole tutorial
POSTGRES = "postgresql://penstock:secret@localhost:5432/penstock"

pytestmark = pytest.mark.timeout(300)


def how_tos() -> list[object]:
    """The pages that say how to do something, those that wait for the night marked."""
    pages = [path for path in PAGES if path.parent.name == "how-to"]
    return nightly_but([path for path in pages if path in KEPT_PAGES], pages)


@pytest.fixture
def variables(tmp_path, request) -> dict[str, str]:
    """The environment of a reader whose Python and Penstock are those of this test."""
    page = request.node.callspec.params.get("page") if hasattr(request.node, "callspec") else None
    served = isinstance(page, Path) and "penstock-server" in page.read_text()
    return _variables(tmp_path / "home", {} if served else WITHOUT_SERVER)


def _variables(home: Path, beside: Mapping[str, str] = WITHOUT_SERVER) -> dict[str, str]:
    # nox names its own environment to uv, which would install the reader's packages into it.
    hidden = ("PENSTOCK_", "PYTHONPATH", "PIP_", "VIRTUAL_ENV", "COV", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    home.mkdir()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return inherited | beside | {"PATH": path, "HOME": str(home), "NO_COLOR": "1", "PIP_CONFIG_FILE": os.devnull}


def forked(words, folder, variables) -> tuple[int, str]:
    """Run the command line of this test's own Penstock, which a reader of the how-to pages has, without a new interpreter."""
    ended = fork_server.penstock().run(words, folder, variables, seconds=LONGEST_S, together=True)
    return ended.code, ended.out


PROGRAMS = {"penstock": forked}


def had_before(words, folder, _variables) -> tuple[int, str]:
    """Install nothing: what the line would is there, in this test's own environment."""
    if words[:2] == ["-m", "venv"]:
        (folder / words[2] / "bin").mkdir(parents=True)
        (folder / words[2] / "bin" / "activate").touch()
    return 0, ""


@pytest.fixture(scope="session")
def new_project(tmp_path_factory) -> Path:
    """What `penstock init` makes, which does not name its folder; it is copied."""
    made = tmp_path_factory.mktemp("new") / "project"
    made.mkdir()
    command = ["penstock", "init", "--no-example"]
    subprocess.run(command, cwd=made, env=_variables(made.parent / "home"), check=True, capture_output=True, timeout=60)
    return made


@pytest.fixture
def folder(tmp_path) -> Path:
    """The folder in which a reader begins."""
    made = tmp_path / "desk"
    made.mkdir()
    return made


def test_the_first_tutorial_does_what_it_says(folder, variables):
    text = (ROOT / "docs" / "tutorial" / "first-dag.md").read_text()
    problems = Reader(folder, variables, {**PROGRAMS, "python3": had_before, "pip": had_before}).follow(text)
    assert not problems, problems[0]


@pytest.mark.nightly  # tests/packaging/test_server.py follows one from an empty folder with each change
@pytest.mark.xdist_group("tutorials")
@pytest.mark.parametrize("page", [path for path in PAGES if path.parent.name == "tutorial"], ids=lambda path: path.stem)
def test_a_stranger_can_follow_the_tutorial_from_an_empty_folder(page, folder, variables, workspace_wheels):
    # What is imported is compiled once anyway.
    variables |= {"PIP_FIND_LINKS": str(workspace_wheels), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_COMPILE": "0"}
    variables |= {"UV_FIND_LINKS": str(workspace_wheels), "UV_PYTHON_DOWNLOADS": "never"}
    before = getrusage(RUSAGE_CHILDREN)
    problems = Reader(folder, variables).follow(page.read_text())
    after = getrusage(RUSAGE_CHILDREN)
    assert not problems, problems[0]
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < TWO_MINUTES_S, "it takes too long"


@pytest.mark.parametrize("page", how_tos(), ids=lambda path: path.stem)
def test_a_how_to_page_does_what_it_says(page, folder, variables, new_project, request):
    text = page.read_text()
    if POSTGRES in text:
        text = text.replace(POSTGRES, request.getfixturevalue("postgres_url"))
    shutil.copytree(new_project, folder, dirs_exist_ok=True)
    problems = Reader(folder, variables, PROGRAMS).follow(text)
    assert not problems, problems[0]


def test_every_command_of_every_page_is_there_and_has_its_options():
    strange = {}
    for path in sorted((ROOT / "docs").rglob("*.md")):
        for block in blocks_of(path.read_text()):
            for line in (each.line for each in commands_of(block) if block.language == "console"):
                if line.startswith("penstock ") and PLAIN.fullmatch(line) and (said := unknown(shlex.split(line)[1:])):
                    strange[path.stem, line] = said
    assert {said for said in strange.values() if said not in COMMANDS_OF_PROVIDERS} == set(), strange


def unknown(words: list[str]) -> str:
    """What of a command line the commands do not know; nothing is run, and no value looked at."""
    command: click.Command | None = root.root
    while command is not None:
        context = click.Context(command)
        try:
            _, words, _ = command.make_parser(context).parse_args(words)
        except click.UsageError as error:
            return error.format_message()
        if not isinstance(command, click.Group) or not words:
            return ""
        name, *words = words
        command = command.get_command(context, name)
    return f"no command {name}"


def test_the_dag_of_the_readme_runs(folder, variables):
    blocks = [block for block in blocks_of((ROOT / "README.md").read_text()) if block.language == "python"]
    (folder / "readings.py").write_text(blocks[0].text)
    page = (
        "```console\n$ penstock dags test readings.py\n...\ntotal: 19.5\n...\nthe run of DAG readings is success\n```\n"
    )
    problems = Reader(folder, variables, PROGRAMS).follow(page)
    assert not problems, problems[0]


def test_the_module_of_a_project_in_the_reference_runs(folder, variables):
    text = (ROOT / "docs" / "reference" / "provider-manifest.md").read_text().partition("## Modules of the project")[2]
    settings, module = list(blocks_of(text))
    (folder / "penstock.toml").write_text(settings.text)
    (folder / "our_plugins.py").write_text(module.text)
    (folder / "tidy.py").write_text(
        'from penstock import DAG, operator\n\nwith DAG("tidy"):\n'
        '    operator("our_plugins.clean", task_id="clean", table="orders")\n'
    )
    page = "```console\n$ penstock dags test tidy.py\n...cleaning orders\n...\nthe run of DAG tidy is success\n```\n"
    problems = Reader(folder, variables, PROGRAMS).follow(page)
    assert not problems, problems[0]


def test_the_dag_file_of_the_tutorial_on_providers_can_be_imported(folder):
    text = (ROOT / "docs" / "tutorial" / "providers.md").read_text()
    (folder / "clicks.py").write_text(next(block.text for block in blocks_of(text) if block.language == "python"))
    assert list(load_dags(folder / "clicks.py")) == ["clicks"]


def test_the_two_commands_of_the_readme_are_what_ci_and_nox_have():
    commands = [block.text.strip() for block in blocks_of((ROOT / "README.md").read_text()) if block.language == "sh"]
    assert len(commands) == 2
    assert commands[1] in (ROOT / ".ci" / "run").read_text().splitlines()
    sessions = set(re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE))
    assert {command.rpartition("-s ")[2] for command in commands} <= sessions


def test_the_wheels_that_the_tutorials_install_are_those_that_the_readme_has_one_build():
    install = next(block for block in blocks_of((ROOT / "README.md").read_text()) if block.language == "console")
    build, find = (command.line for command in commands_of(install))
    assert build.split() == [".dev/bin/uv", *BUILD, "dist"]
    assert find == 'export PIP_FIND_LINKS="$PWD/dist"'


def test_every_python_block_of_every_page_compiles():
    for path in files_of(ROOT, ".md"):
        for block in blocks_of((ROOT / path).read_text()):
            if block.language == "python":
                compile(block.text, str(path), "exec")


def test_every_relative_link_leads_somewhere():
    broken = []
    for path in files_of(ROOT, ".md"):
        text = re.sub(r"^```.*?^```$", "", (ROOT / path).read_text(), flags=re.MULTILINE | re.DOTALL)
        targets = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", text)
        broken += [f"{path}: {target}" for target in targets if not (ROOT / path.parent / target).exists()]
    assert broken == []


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        pytest.param("a b", "a    b\n", True, id="blanks are free"),
        pytest.param("a ... c", "a lot of c", True, id="any text"),
        pytest.param("a\n...\nz", "a\nb\nc\nz", True, id="any lines"),
        pytest.param("...\na\n...", "a", True, id="no lines"),
        pytest.param("a\nb", "a\nc", False, id="another line"),
        pytest.param("a", "a\nb", False, id="one line more"),
        pytest.param("a.c", "abc", False, id="a dot is a dot"),
    ],
)
def test_an_output_is_compared(expected, found, same):
    assert matches(expected, found) is same


def test_a_command_may_go_over_several_lines():
    commands = list(commands_of(Block("console", "", "$ echo a \\\n    b\na b\n$ true\n")))
    assert [(command.line, command.output) for command in commands] == [("echo a b", "a b"), ("true", None)]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("```console\n$ echo one\ntwo\n```\n", id="another output"),
        pytest.param("```console\n$ false\n```\n", id="exit code"),
        pytest.param("```console\n$ no-such-command\n```\n", id="no such command"),
    ],
)
def test_a_page_that_lies_is_seen(page, folder, variables):
    assert len(Reader(folder, variables).follow(page)) == 1


def test_files_and_exports_of_a_page_hold_for_what_follows(folder, variables):
    page = '```text title="a/b.txt"\nhello\n```\n\n```console\n$ export NAME=ann\n$ cat a/b.txt; echo $NAME\nhello\nann\n```\n'
    problems = Reader(folder, variables).follow(page)
    assert not problems, problems[0]
    shutil.rmtree(folder)


def test_a_program_that_is_given_is_called_where_a_line_has_nothing_for_a_shell(folder, variables):
    called = []

    def tell(words, where, environ):
        called.append((words, where, environ.get("NAME")))
        return 0, "told\n"

    page = (
        "```console\n$ tell a 'b c' --d=\"e\"\ntold\n$ export NAME=ann\n$ tell\ntold\n"
        "$ tell() { echo shell; }; tell\nshell\n```\n"
    )
    problems = Reader(folder, variables, {"tell": tell}).follow(page)
    assert not problems, problems[0]
    assert called == [(["a", "b c", "--d=e"], folder, None), ([], folder, "ann")]
