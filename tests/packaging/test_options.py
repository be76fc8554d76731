"""Every command of the table with the options that it offers: it honours them, or refuses them in a sentence."""

from __future__ import annotations

import shutil
import tomllib

import pytest

from penstock_plugin_manager.cli import main
from penstock_plugin_manager.registry import COMMANDS, command_parser

pytestmark = pytest.mark.xdist_group("options")  # they share a project

BRINGING = {
    "install": ["install", "gamma"],
    "upgrade": ["upgrade", "--all"],
    "sync": ["sync"],
    "doctor": ["doctor", "--fix"],
    "isolate": ["isolate", "gamma"],
    "rollback": ["rollback", "2"],
    "enable": ["enable", "left"],
    "scan": ["scan", "--write"],
    "lock": ["lock", "--upgrade"],
    "dev": ["dev", "link", "linked"],
}
TAKING = {
    "remove": ["remove", "left"],
    "prune": ["prune"],
    "disable": ["disable", "alpha"],
    "init": ["init", "--env", "other"],
}
READING = {
    "list": ["list"], "info": ["info", "alpha"], "search": ["search", "alpha"], "which": ["which", "alpha.run"],
    "tree": ["tree"], "why": ["why", "lib-a"], "plan": ["plan"], "resolve": ["resolve", "gamma"],
    "export": ["export", "constraints"], "verify": ["verify"], "audit": ["audit"], "policy": ["policy", "check"],
    "history": ["history"], "diff": ["diff"], "catalog": ["catalog", "show"], "validate": ["validate", "penstock.toml"],
    "completion": ["completion", "bash"], "compat": ["compat"], "bundle": ["bundle", "verify", "none"],
}  # fmt: skip
WRITING_ELSEWHERE = {"new", "test"}
BUDGETED = {
    name: words for name, words in BRINGING.items() if name not in {"rollback", "enable", "scan", "lock", "dev"}
}
SOURCES = ("--index-url", "--extra-index-url", "--find-links", "--no-index", "--catalog")


def picture(world) -> dict[str, object]:
    """Return all that a command may change: environments, pointers, the project's files; what is only kept for speed is left out."""
    found: dict[str, object] = dict(world.picture())
    found["pointer"] = str(world.env.readlink())
    found["folders"] = sorted(path.name for path in world.folder.iterdir() if path.name != "cache")
    for pattern in ("*.toml", ".venv/*.json", ".venv.generations/*/.penstock/generation.json"):
        found |= {str(path): path.read_bytes() for path in world.folder.glob(pattern)}
    found["isolated"] = sorted(path.name for path in (world.folder / ".venv.isolated").iterdir())
    return found


def test_the_table_of_this_test_is_that_of_the_commands():
    assert {*BRINGING, *TAKING, *READING, *WRITING_ELSEWHERE} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_offers_what_it_can_honour(name):
    flags = {flag for action in command_parser(name)[0]._actions for flag in action.option_strings}
    assert ("--dry-run" in flags) == (name in {*BRINGING, *TAKING})
    assert {"--max-mb", "--max-dists"} <= flags or name not in {*BUDGETED, "remove", "prune", "plan", "resolve"}
    assert set(SOURCES) <= flags or name not in {*BUDGETED, "remove", "prune", "plan", "resolve", "lock"}
    assert not ({"-y", "--yes"} & flags and "--dry-run" not in flags), "what asks nobody needs no answer"


def test_a_dry_run_tells_of_the_change_and_makes_none(project, call):
    before = picture(project)
    for name, words in {**BRINGING, **TAKING, "undo": ["isolate", "right", "--undo"]}.items():
        code, said = call(*words, "--dry-run")
        assert code == 2, (name, said)
        assert picture(project) == before, name


def test_what_only_reads_changes_nothing(project, call):
    before = picture(project)
    for name, words in READING.items():
        code, said = call(*words)
        assert "Traceback" not in said, name
        assert code in range(7), name
        assert picture(project) == before, name


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ('deny = ["*"]', "denied"),
        ('allow = ["nothing"]', "allowed"),
        ('sources = ["https://elsewhere.test/"]', "no source that the policy permits"),
        ("min-age-days = 1", "unknown; the policy asks for 1 days"),
        ('publishers = ["GitHub a/b c.yml"]', "nobody is known to have published"),
        ('states = ["removed"]', "the policy permits removed"),
    ],
)
def test_the_policy_binds_every_command_that_brings_anything(project, call, policy, words):
    text = project.intent.read_text()
    names = BRINGING if "deny" in policy else ["install", "isolate", "lock", "dev"]
    project.intent.write_text(f"{text}\n[plugin-manager.policy]\n{policy}\n")
    try:
        before = picture(project)
        for name in names:
            code, said = call(*BRINGING[name])
            assert (code, words in said) == (6, True), (name, said)
            assert picture(project) == before, name
    finally:
        project.intent.write_text(text)


def test_an_index_that_cannot_be_asked_is_no_answer_of_the_policy(project, call):
    text = project.intent.read_text()
    nowhere = ["--index-url", "http://127.0.0.1:1/simple/"]
    for rule, words, expected in [
        ("min-age-days = 1", "cannot judge", 1),
        ('publishers = ["x"]', "cannot judge", 1),
        ('min-age-days = 1\ndeny = ["lib-a"]', "", 6),
    ]:
        project.intent.write_text(f"{text}\n[plugin-manager.policy]\n{rule}\n")
        try:
            code, said = call("policy", "check", *nowhere)
        finally:
            project.intent.write_text(text)
        assert (code, words in said) == (expected, True), said


def test_a_budget_binds_every_command_that_fetches_anything_and_a_flag_lifts_none(project, call):
    text = project.intent.read_text()
    before = picture(project)
    for name, words in BUDGETED.items():
        code, said = call(*words, "--max-mb", "0")
        assert (code, "exceeds the budget" in said) == (6, True), (name, said)
        assert picture(project) == before, name
    project.intent.write_text(f"{text}\n[plugin-manager.policy]\nmax-mb = 0\n")
    try:
        assert call(*BRINGING["install"], "--max-mb", "1000")[0] == 6
    finally:
        project.intent.write_text(text)


@pytest.mark.parametrize(
    "words",
    [
        "doctor -y", "doctor --dry-run", "doctor --max-mb 1", "doctor --allow-broken", "doctor --pre", "prune --pre",
        "remove left --allow-broken", "resolve alpha -y", "resolve alpha --dry-run", "plan --dry-run", "plan -y",
        "plan sync gamma", "plan install gamma --all", "plan remove left --frozen", "plan prune --pre", "plan --prune",
        "sync --frozen --pre", "sync --frozen --allow-core-change", "isolate right --allow-core-change",
        "isolate right --undo --pre", "install alpha --from-bundle x --index-url http://h", "verify --remember",
        "export sbom --image x", "bundle verify x -o y", "bundle create x -o y",
        "catalog show -o x", "catalog show --verdicts x", "list --dags x", "list --index-url x", "scan --dry-run",
        "init --adopt --base x", "install alpha --max-mb -1", "install alpha --max-dists x", "install alpha --max-mb 1.5",
        "list --wait -1", "list --wait nan", "list --wait inf", "audit --min-age-days -1",
    ],
)  # fmt: skip
def test_an_option_that_cannot_be_honoured_is_refused(project, call, words):
    code = main(words.split())
    assert code == 1


def test_each_condition_names_options_that_the_command_has():
    for name in COMMANDS:
        parser = command_parser(name)[0]
        known = {action.dest for action in parser._actions}
        assert {each for names, _, _ in parser._conditions for each in names} <= known, name


def test_the_changes_of_a_generation_are_those_of_its_history(project, call, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(project.folder, copy, symlinks=True)
    other = type(project)(copy, "uv", project.index, project.wheels, tmp_path)
    other.variables = project.variables
    other.intent.write_text(f"# mine\n{other.intent.read_text()}")
    other.pm("enable", "left")
    assert other.json("history")["generations"][-1]["title"].endswith("; disable left; enable left")
    enabled = other.intent.read_text()
    other.pm("rollback", "2")
    assert other.intent.read_text().startswith("# mine\n")
    assert "isolated" not in other.intent.read_text()
    assert not (copy / "pylock.right.toml").exists()
    last = other.json("history")["generations"][-1]["number"]
    other.pm("rollback", str(last), "--as-it-is")
    assert tomllib.loads(other.intent.read_text()) == tomllib.loads(enabled)
    assert (copy / "pylock.right.toml").exists()
