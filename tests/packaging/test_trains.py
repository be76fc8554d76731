"""The release trains: what a change affects, which version comes next, what a tag selects, and what the workflows run."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path, PurePosixPath

import pytest
import yaml

from house.tree import package_folders
from train.__main__ import main
from train.affected import PYTHONS, Job, change_of, jobs_of, nightly
from train.build import Refused, builder, locked_version
from train.fragments import TYPES, disagreement, next_version, problems
from train.packages import Package, dependants, packages_of
from train.record import FILE, Release, elsewhere, newest, releases_of, text_of, with_release
from train.repository import Repository
from train.shelf import add, choose, recorded
from train.tags import Tag, disagreements, tag_of
from train.wave import TOWNCRIER, release_wave, unreleased_floors, with_version

ROOT = Path(__file__).parents[2]
PACKAGES = packages_of(ROOT)
PROVIDERS = [each for each in PACKAGES if each.is_provider]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


# What a change affects. Each row is a commit of this repository: its subject and `git show --name-only`.


def of_provider(name):
    """All jobs of a provider, before the first release of a core."""
    return {
        Job(f"conformance(provider='{name}')"),
        Job(f"provider-3.11(provider='{name}')"),
        Job(f"provider-3.11(provider='{name}')", "--core oldest"),
        Job(f"provider-3.13(provider='{name}')"),
    }


def units(folder, *pythons):
    return {Job(f"unit-{python}", f"{folder}/tests") for python in pythons}


CROSSING = {Job("unit-3.11", "tests/e2e tests/packaging")}
CONFORMANCE = {Job(f"conformance(provider='{each.folder.name}')") for each in PROVIDERS}
TESTKIT_USERS = {
    *units("manifest", "3.11"),
    *units("core", "3.11"),
    *units("plugin-manager", "3.11"),
    *units("server", "3.11"),
    *(
        Job(f"provider-3.11(provider='{each.folder.name}')")
        for each in PROVIDERS
        if "penstock-testkit" in each.tests_require
    ),
}
DIFFS = {
    "Take no web page for an empty bucket, end redirects that lead back": (
        """providers/aws/README.md providers/aws/src/penstock_aws/errors.py providers/aws/src/penstock_aws/hooks/clients.py
        providers/aws/src/penstock_aws/operators.py providers/aws/tests/test_glob.py providers/aws/tests/test_s3.py""",
        of_provider("aws"),
    ),
    "Give what is configured a room of its own below the service": (
        """core/src/penstock/cli/connections.py core/src/penstock/service/config/__init__.py core/tests/scheduler/hostile.py
        core/tests/service/test_service.py tools/house/glossary.py""",
        units("core", "3.11", "3.13") | units("server", "3.11") | CROSSING | CONFORMANCE,
    ),
    "Say that the Redshift test server counts trailing blanks": (
        "testkit/src/penstock_testkit/redshift/__init__.py",
        units("testkit", "3.11", "3.13") | TESTKIT_USERS,
    ),
    "Judge damaged metadata alike in every command": (
        """manifest/src/penstock_manifest/discovery.py plugin-manager/src/penstock_plugin_manager/apply/inplace.py
        plugin-manager/tests/test_damage.py tests/packaging/test_interpreter.py""",
        units("manifest", "3.11", "3.13")
        | units("plugin-manager", "3.11", "3.13")
        | units("core", "3.11")
        | units("testkit", "3.11")
        | units("server", "3.11")
        | CROSSING
        | CONFORMANCE,
    ),
    "Scan a file in the encoding that it names, and say what is too deep": (
        "plugin-manager/src/penstock_plugin_manager/need/scan.py plugin-manager/tests/test_need.py",
        units("plugin-manager", "3.11", "3.13") | CROSSING,
    ),
    "Say that DAG files in an archive are not looked for": (
        "core/tests/author/test_come_from_airflow.py core/tests/load/test_snapshot.py docs/how-to/come-from-airflow.md",
        units("core", "3.11") | {Job("site")},
    ),
    "Show in the docs what a wrong minute is told today": ("docs/how-to/come-from-airflow.md", {Job("site")}),
    "Write a provider's page anew": ("providers/aws/README.md providers/aws/changelog.d/+page.docs.md", set()),
    "Stop the worker that has most of the tries, whichever it is": ("tests/e2e/test_remote_workers.py", CROSSING),
    "Write the plugin manager's reference anew, with all the others": (
        "docs/reference/plugin-manager.md noxfile.py",
        {Job("site"), Job("tests")},
    ),
    "Resolve the lock anew": ("uv.lock", {Job("tests")}),
    # No commits of this repository: a package that has become another repository, one that is gone, a folder like a package's.
    "Keep a provider elsewhere": ("providers/aws", of_provider("aws")),
    "Drop a provider": ("providers/gone/pyproject.toml providers/gone/src/penstock_gone/__init__.py", {Job("tests")}),
    "Begin another core": ("corex/README.md providersx/aws/a.py docsx.md", {Job("tests")}),
}


@pytest.mark.parametrize("subject", DIFFS)
def test_a_change_selects_the_jobs_of_what_it_affects_and_no_other(subject):
    files, jobs = DIFFS[subject]
    assert set(jobs_of(change_of(files.split(), PACKAGES), PACKAGES, released=False)) == jobs


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda each: each.name)
def test_a_change_of_any_providers_source_selects_exactly_its_jobs(provider):
    files = [f"{provider.folder}/src/penstock_x/hooks.py", f"{provider.folder}/provider.toml"]
    name = provider.folder.name
    assert set(jobs_of(change_of(files, PACKAGES), PACKAGES, released=False)) == of_provider(name)
    latest = Job(f"provider-3.11(provider='{name}')", "--core latest")
    assert set(jobs_of(change_of(files, PACKAGES), PACKAGES, released=True)) == of_provider(name) | {latest}


def test_each_night_every_package_is_tested_on_every_python_with_every_core_and_all_together():
    jobs = set(nightly(PACKAGES, released=True))
    assert set(map(Job, ("tests", "nightly", "promtool", "lowest", "wheels", "site", "rebuild"))) <= jobs
    for each in PROVIDERS:
        assert {Job(f"provider-{python}(provider='{each.folder.name}')") for python in PYTHONS} <= jobs
        assert of_provider(each.folder.name) <= jobs
    for folder in ("core", "manifest", "plugin-manager", "testkit"):
        assert units(folder, *PYTHONS) <= jobs


def made(name, *requires, tests=(), version="0.1.0", floors=()):
    return Package(
        name, PurePosixPath(name), f"penstock-{name}", version, frozenset(requires), frozenset(tests), tuple(floors)
    )


def test_who_needs_a_package_over_any_number_of_steps_depends_on_it_and_a_ring_has_an_end():
    chain = [made("a"), made("b", "penstock-a"), made("c", "penstock-b"), made("d", tests=["penstock-a"])]
    assert dependants(chain, ["a"]) == {"b", "c"}
    ring = [made("a", "penstock-b"), made("b", "penstock-a")]
    assert dependants(ring, ["a"]) == {"a", "b"}


def test_every_package_says_what_its_own_tests_need_so_that_they_run_from_its_own_folder():
    groups = {
        each.name: tomllib.loads((ROOT / each.folder / "pyproject.toml").read_text())
        .get("dependency-groups", {})
        .get("tests")
        for each in PACKAGES
    }
    assert [name for name, group in groups.items() if not group] == []


# Versions and fragments.


@pytest.mark.parametrize(
    ("current", "names", "version"),
    [
        ("1.2.3", ["1.bugfix.md"], "1.2.4"),
        ("1.2.3", ["1.bugfix.md", "+more.feature.md"], "1.3.0"),
        ("1.2.3", ["+floor.deps.md", "2.bugfix.md"], "1.3.0"),
        ("1.2.3", ["7.breaking.md", "8.feature.md", "9.docs.md"], "2.0.0"),
        ("0.1.0", ["7.breaking.md"], "0.2.0"),
        ("0.1.0", ["7.feature.md"], "0.2.0"),
        ("0.1.0", ["7.bugfix.2.md"], "0.1.1"),
        ("0.1.0", ["7.docs.md"], "0.1.0"),
        ("0.1.0", [".gitkeep"], "0.1.0"),
        ("0.1.0", [], "0.1.0"),
        ("1.0.0rc1", [], "1.0.0"),
        ("1.0.0rc1", ["1.bugfix.md", "2.breaking.md"], "1.0.0"),
        ("1.1.0rc1", ["1.feature.md"], "1.1.0"),
        ("1.1.0rc1", ["1.breaking.md"], "2.0.0"),
        ("1.1.1b1", ["1.bugfix.md"], "1.1.1"),
        ("1.1.1b1", ["1.feature.md"], "1.2.0"),
        ("1.0.1rc1", ["1.feature.md"], "1.1.0"),
    ],
)
def test_fragments_call_for_the_next_version(current, names, version):
    assert next_version(current, names) == version


@pytest.mark.parametrize(
    ("wanted", "names", "said"),
    [
        ("1.3.0", ["1.feature.md"], ""),
        ("2.0.0", ["1.feature.md"], ""),
        ("1.2.4", ["1.feature.md"], "version 1.2.4 disagrees with changelog.d, which calls for 1.3.0 after 1.2.3"),
        ("1.3.0", ["1.breaking.md"], "version 1.3.0 disagrees with changelog.d, which calls for 2.0.0 after 1.2.3"),
        ("1.2.4", ["1.docs.md"], "changelog.d holds nothing that calls for a release after 1.2.3"),
        ("1.2.3", [], "changelog.d holds nothing that calls for a release after 1.2.3"),
        ("1.3.0rc1", ["1.feature.md"], ""),
        (
            "1.2.4rc1",
            ["1.feature.md"],
            "version 1.2.4rc1 disagrees with changelog.d, which calls for 1.3.0 after 1.2.3",
        ),
        ("1.0.0", ["1.feature.md"], "version 1.0.0 does not come after 1.2.3"),
    ],
)
def test_a_version_that_disagrees_with_the_fragments_is_refused(wanted, names, said):
    assert disagreement("1.2.3", wanted, names) == said


def test_a_candidate_is_followed_by_another_one_or_by_its_final_release():
    assert disagreement("1.3.0rc1", "1.3.0rc2", ["1.bugfix.md"]) == disagreement("1.3.0rc1", "1.3.0", []) == ""
    assert disagreement("1.3.0rc2", "1.3.0rc1", ["1.bugfix.md"]) == "version 1.3.0rc1 does not come after 1.3.0rc2"


def test_a_change_since_a_commit_that_is_not_here_selects_all_jobs(capsys):
    """As of the first push to a branch, or one that was forced; a name that is mistyped is an error."""
    assert main(["--root", str(ROOT), "select", "--base", "0" * 40]) == 0
    captured = capsys.readouterr()
    assert "not in this clone" in captured.err
    assert {"session": "wheels", "words": ""} in json.loads(captured.out)
    assert main(["--root", str(ROOT), "select", "--base", "mian"]) == 1


def test_every_file_that_differs_is_named_whatever_its_name_is_and_however_it_moved(clones):
    """Renames count twice, a merge once, links to other repositories as files; a history without a common commit selects all."""
    first, _ = clones
    before, folder = first.commit(), first.root / "core"
    folder.mkdir()
    odd = [
        os.fsdecode(each) for each in (b"a b.py", b"new\nline.py", "\u00fc.py".encode(), b'quo"te.py', b"lat\xff.py")
    ]
    for name in odd:
        (folder / name).write_bytes(b"\0\xff")
    first.git("add", "--all")
    first.git("commit", "--quiet", "--message", "Add odd names")
    assert set(first.changed(before)) == {f"core/{name}" for name in odd}

    middle = first.commit()
    first.git("checkout", "--quiet", "-b", "side", before)
    (first.root / "side").write_text("")
    first.git("add", "side")
    first.git("commit", "--quiet", "--message", "Side")
    first.git("checkout", "--quiet", "main")
    first.git("mv", f"core/{odd[0]}", "moved")
    first.git("update-index", "--add", "--cacheinfo", f"160000,{before},linked")
    first.git("commit", "--quiet", "--message", "Move")
    first.git("merge", "--quiet", "--no-edit", "side")
    assert set(first.changed(middle)) == {f"core/{odd[0]}", "moved", "linked", "side"}

    first.git("checkout", "--quiet", "--orphan", "other")
    first.git("commit", "--quiet", "--message", "Begin again")
    assert [first.lacks(each) for each in (before, first.commit(), "main")] == [True, False, False]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["build", "core/v999.0"], "refs/tags/core/v999.0 is not in this clone"),
        (["build", "../v1.0"], "'../v1.0' is no tag of a release"),
        (["rebuild", "nothing"], "releases.toml has no release nothing"),
        (["rebuild", "core==999.0"], "releases.toml has no release core==999.0"),
    ],
)
def test_what_is_not_there_is_an_error(capsys, words, message):
    assert main(["--root", str(ROOT), *words]) == 1
    assert message in capsys.readouterr().err


def test_a_wave_leaves_behind_what_fails_in_any_way_and_the_clone_as_it_was(tmp_path):
    """A name of a version that is none, a folder that cannot be made: the next one has its turn."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-tags", "--depth=1", ROOT.as_uri(), clone], check=True)
    for key in ("user.name", "user.email"):
        subprocess.run(["git", "-C", clone, "config", key, "x@example.com"], check=True)
    repository = Repository(clone)
    before = repository.commit()
    (tmp_path / "file").touch()

    found = dict(release_wave(repository, ["manifest", "core==banana", "plugin-manager==1"], tmp_path / "file"))

    assert [type(each) for each in found.values()] == [Refused] * 3, found
    assert "'core/vbanana' is no tag of a release" in str(found["core"])
    assert "'plugin-manager/v1' is no tag of a release" in str(found["plugin-manager"])
    assert (repository.commit(), repository.tags(), repository.is_clean()) == (before, [], True)


def test_a_file_that_is_no_fragment_is_named():
    assert problems(["1.feature.md", "+a-word.docs.md", ".gitkeep", "12.bugfix.3.md"]) == []
    wrong = ["feature.md", "1.misc.md", "word.bugfix.md", "1.feature.rst", "1.feature.md.orig"]
    assert [each.split()[0] for each in problems(wrong)] == wrong


def test_every_fragment_of_the_workspace_has_a_name_that_counts():
    folders = [ROOT / folder / "changelog.d" for folder in package_folders(ROOT)]
    assert [each for folder in folders for each in problems(path.name for path in folder.iterdir())] == []


def test_towncrier_knows_the_same_types_and_every_changelog_has_the_place_where_it_writes():
    settings = tomllib.loads(TOWNCRIER.read_text())["tool"]["towncrier"]
    assert {each["directory"] for each in settings["type"]} == set(TYPES)
    for each in PACKAGES:
        if each.is_published:
            assert (ROOT / each.folder / "CHANGELOG.md").read_text().count(settings["start_string"]) == 1, each.name


# Tags, the record, requirements.


@pytest.mark.parametrize("text", ["core/v1.2.0", "refs/tags/providers-aws/v1.2.0", "core/v1.2.0rc1"])
def test_a_tag_names_a_package_and_a_version(text):
    assert str(tag_of(text)) == text.removeprefix("refs/tags/")


@pytest.mark.parametrize(
    "text",
    [
        "v1.2.0",
        "core/1.2.0",
        "core/v1",
        "core/v1.2.0-dirty",
        "/v1.2.0",
        "core/v1.2.0\n",
        "core/v1.02",
        "core/v01.2",
        "core/v\uff11.2",
        "core/v1!1.0",
        "core/v1.0+local",
        "core/v1.0.dev1",
        "core/v1.0rc01",
        "core/v1.0RC1",
        "co re/v1.0",
    ],
)
def test_what_is_no_tag_of_a_release_is_refused(text):
    with pytest.raises(ValueError, match="is no tag of a release"):
        tag_of(text)


ACME = Package("providers-acme-box", PurePosixPath("providers/acme-box"), "penstock-providers-acme-box", "1.2.0")
AGREEING = {"name": "penstock-providers-acme-box", "version": "1.2.0", "id": "acme_box", "point": "acme_box"}
CHANGELOG = {"CHANGELOG.md": "# Changelog\n\n## 1.2.0 (2026-01-01)\n"}


@pytest.mark.parametrize(
    ("tag", "files", "wheel", "word"),
    [
        pytest.param("1.2.0", {}, {}, "", id="all agree"),
        pytest.param("1.3.0", {}, {}, "pyproject.toml disagree", id="version of the project"),
        pytest.param("1.2.0", {}, {"version": "1.1.0"}, "its wheel disagree", id="version of the wheel"),
        pytest.param("1.2.0", {}, {"name": "other"}, "its wheel disagree", id="distribution"),
        pytest.param("1.2.0", {}, {"id": "acme"}, "its manifest disagree", id="manifest"),
        pytest.param("1.2.0", {}, {"point": ""}, "its entry point disagree", id="entry point"),
        pytest.param("1.2.0", {"CHANGELOG.md": "# Changelog\n"}, {}, "has no section of 1.2.0", id="changelog"),
        pytest.param("1.2.0", {"1.bugfix.md": ""}, {}, "1.bugfix.md is left", id="fragment"),
    ],
)
def test_tag_project_changelog_wheel_and_manifest_must_agree(tag, files, wheel, word):
    found = list(disagreements(Tag(ACME.name, tag), ACME, CHANGELOG | files, AGREEING | wheel))
    assert (not found) if not word else any(word in each for each in found), found


ROWS = [
    Release("core", "0.10.0", "c" * 40, "3"),
    Release("core", "0.9.0", "b" * 40, "2"),
    Release("x", "1.0", "a", "1"),
]


def test_the_record_is_read_as_it_was_written_and_knows_the_newest():
    text = text_of(ROWS)
    assert sorted(releases_of(text)) == sorted(ROWS)
    assert text.index("0.9.0") < text.index("0.10.0")
    assert newest(ROWS, "core").version == "0.10.0"
    assert newest(ROWS, "y") is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('[[release]]\npackage = "core"\n', "a release has package"),
        (text_of(ROWS) + text_of(ROWS[:1]), "more than once"),
    ],
)
def test_a_record_that_is_damaged_is_refused(text, word):
    with pytest.raises(ValueError, match=word):
        releases_of(text)


def test_a_release_is_recorded_once_and_from_one_commit():
    again, added = ROWS[0], Release("x", "1.1", "d", "4")
    assert with_release(ROWS, again) == ROWS
    assert with_release(ROWS, added) == [*ROWS, added]
    for other, word in (
        (again._replace(commit="e"), "its commit is c"),
        (again._replace(contents="9"), "its contents is 3"),
    ):
        with pytest.raises(ValueError, match=word):
            with_release(ROWS, other)
    assert elsewhere(ROWS, Tag("core", "0.9.0"), "b" * 40) == elsewhere(ROWS, Tag("core", "1.0.0"), "f" * 40) == ""
    assert "core/v0.9.0 is on ffffffffffff" in elsewhere(ROWS, Tag("core", "0.9.0"), "f" * 40)


@pytest.fixture
def clones(tmp_path, monkeypatch):
    """Two clones of one origin that holds a record."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "ann")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ann@example.test")
    first, second = (Repository(tmp_path / name) for name in ("first", "second"))
    origin = Repository(tmp_path)
    origin.git("init", "--quiet", "--bare", "--initial-branch", "main", "origin")
    origin.git("clone", "--quiet", "origin", "first")
    (first.root / FILE).write_text(text_of(ROWS))
    first.git("add", FILE)
    first.git("commit", "--quiet", "--message", "Begin")
    first.git("push", "--quiet", "origin", "HEAD")
    origin.git("clone", "--quiet", "origin", "second")
    return first, second


def test_two_trains_that_record_at_once_are_both_in_the_record(clones):
    first, second = clones
    one, two = Release("core", "1.0.0", "d", "4"), Release("x", "1.1", "e", "5")
    add(first, one, push=True)
    add(second, two, push=True)
    assert {one, two, *ROWS} == set(recorded(second.root))
    head = second.commit()
    add(second, two, push=True)
    assert second.commit() == head, "once more changes nothing"
    with pytest.raises(ValueError, match="a version is released once"):
        add(first, two._replace(commit="f"), push=True)
    assert first.commit() == head, "it has seen what the other has pushed"


def test_a_record_that_cannot_be_pushed_leaves_the_clone_as_it_was(clones):
    first, second = clones
    (second.root / "work").write_text("of somebody")
    second.git("add", "work")
    second.git("commit", "--quiet", "--message", "Work")
    add(first, Release("core", "1.0.0", "d", "4"), push=True)
    (second.root / "more").write_text("not committed")
    head = second.commit()
    with pytest.raises(RuntimeError, match="merge --quiet --ff-only"):
        add(second, Release("x", "1.1", "e", "5"), push=True)
    assert (second.commit(), set(recorded(second.root))) == (head, set(ROWS)), "what is here alone is kept"
    assert (second.root / "more").is_file()

    hook = first.root.parent / "origin" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho main is protected >&2\nexit 1\n")
    hook.chmod(0o755)
    head = first.commit()
    with pytest.raises(Refused, match="main is protected"):
        add(first, Release("x", "1.1", "e", "5"), push=True)
    assert (first.commit(), first.is_clean()) == (head, True)


def test_the_record_of_this_clone_can_be_read():
    assert all(len(each.commit) == 40 for each in releases_of((ROOT / FILE).read_text()))


@pytest.mark.parametrize(
    ("core", "floor", "version"),
    [
        ("head", "", None),
        ("latest", "", "0.10.0"),
        ("oldest", ">=0.1", "0.9.0"),
        ("oldest", ">=0.9.1", "0.10.0"),
        ("oldest", ">=1", None),
    ],
)
def test_a_provider_is_tested_with_the_core_here_the_latest_and_the_oldest_that_it_allows(core, floor, version):
    provider = made("p", "penstock-core", floors=[f"penstock-core{floor}"])
    found = choose(ROWS, made("core"), provider, core)
    assert (found.version if found else None) == version


def test_what_needs_a_release_that_is_not_there_is_not_released():
    packages = [made("core"), made("p", floors=["penstock-core>=0.2"])]
    (missing,) = unreleased_floors(packages[1], packages, [Tag("core", "0.1.0")])
    assert missing == "penstock-p needs penstock-core>=0.2, and no release of core is that"
    assert unreleased_floors(packages[1], packages, [Tag("core", "0.1.0"), Tag("core", "0.2.0")]) == []


def test_a_release_is_built_by_the_builder_of_its_own_lock():
    lock = (ROOT / "uv.lock").read_text()
    locked = locked_version(lock, "hatchling")
    assert locked == metadata.version("hatchling"), "this environment is made from that lock"
    assert builder(locked, locked)[-2:] == ["-m", "hatchling"]
    assert f"hatchling=={locked}" in builder(locked, "0.1")
    with pytest.raises(Refused, match=r"uv\.lock has no hatch"):
        locked_version(lock, "hatch")


def test_only_the_packages_own_version_changes_in_the_lock():
    lock = (ROOT / "uv.lock").read_text()
    before, after = lock.splitlines(), with_version(lock, "penstock-core", "7.8.9").splitlines()
    assert [new for old, new in zip(before, after, strict=True) if old != new] == ['version = "7.8.9"']


# The workflows.

STEPS = [
    (path.name, job, step)
    for path in WORKFLOWS
    for job in yaml.safe_load(path.read_text())["jobs"].values()
    for step in job.get("steps", ())
]


def session_functions():
    """Parameters of each session of the noxfile, by its name."""
    text = (ROOT / "noxfile.py").read_text()
    found = re.findall(
        r"^@nox\.session[^\n]*\n(?:@[^\n]*\n)*def (\w+)\(session: nox\.Session((?:, \w+: \w+)*)\)", text, re.MULTILINE
    )
    return {name: set(re.findall(r", (\w+):", words)) for name, words in found}


def test_every_step_of_a_workflow_runs_a_session_that_is_there_or_an_action_that_is_pinned():
    known = session_functions()
    for name, _, step in STEPS:
        if "run" in step:
            found = re.fullmatch(r'\.ci/nox -s (\w+|"\$SESSION")(?: -- .+)?', step["run"])
            assert found, (name, step["run"])
            assert found[1] == '"$SESSION"' or found[1] in known, (name, found[1])
        else:
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", step["uses"]), (name, step["uses"])


def test_a_job_without_steps_calls_a_workflow_of_this_repository_and_gives_it_what_its_jobs_may_do():
    tables = {path.name: yaml.safe_load(path.read_text()) for path in WORKFLOWS}
    calling = [job for table in tables.values() for job in table["jobs"].values() if "steps" not in job]
    assert calling
    for job in calling:
        called = tables[job["uses"].removeprefix("$/.github/workflows/")]
        assert "workflow_call" in called[True], "YAML reads the key `on` as a truth"
        granted = {}
        for each in called["jobs"].values():
            granted |= each["permissions"]
        assert job["permissions"] == granted


def test_every_job_that_can_be_selected_is_a_session_with_its_python_and_its_parameters():
    known = session_functions()
    pythons = re.search(r"^PYTHONS = (.*)$", (ROOT / "noxfile.py").read_text(), re.MULTILINE)[1]
    assert re.findall(r'"([\d.]+)"', pythons) == list(PYTHONS)
    every = {
        job
        for files, _ in DIFFS.values()
        for job in jobs_of(change_of(files.split(), PACKAGES), PACKAGES, released=True)
    }
    for job in every | set(nightly(PACKAGES, released=True)):
        name, python, parameters = re.fullmatch(r"(\w+)(?:-([\d.]+))?(?:\((\w+)='[\w-]+'\))?", job.session).groups()
        assert ({parameters} if parameters else set()) == known[name], job
        assert python in (None, *PYTHONS), job


def test_no_workflow_names_a_package():
    for path in WORKFLOWS:
        text = re.sub(r"^\s*#.*$", "", path.read_text(), flags=re.MULTILINE)
        named = [each.name for each in PACKAGES if re.search(rf"(?<![\w/-]){re.escape(each.name)}(?![\w-])", text)]
        assert named == [], path.name


def test_no_workflow_may_do_more_than_its_job_needs():
    granted = {}
    for path in WORKFLOWS:
        table = yaml.safe_load(path.read_text())
        assert table["permissions"] == {}, "what a job may do, it says itself"
        granted |= {(path.stem, name): job["permissions"] for name, job in table["jobs"].items()}
    assert granted.pop(("release", "publish")) == {"id-token": "write"}
    assert granted.pop(("release", "record")) == {"contents": "write"}
    deploying = {"pages": "write", "id-token": "write"}
    assert granted.pop(("site", "publish")) == deploying
    assert granted.pop(("release", "site")) == {"contents": "read"} | deploying
    assert set(map(str, granted.values())) == {"{'contents': 'read'}"}


def test_only_what_was_built_and_tried_is_published():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    assert jobs["publish"]["needs"] == "build"
    assert [step for step in jobs["publish"]["steps"] if "run" in step] == []
    (publish,) = [step for step in jobs["publish"]["steps"] if "gh-action-pypi-publish" in step["uses"]]
    assert publish["with"] == {"packages-dir": "dist/", "attestations": True}


def test_the_site_that_is_published_is_that_of_main_and_of_all_releases():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "site.yml").read_text())["jobs"]
    (checkout,) = [step for step in jobs["build"]["steps"] if "actions/checkout" in step.get("uses", "")]
    assert checkout["with"] == {"ref": "main", "fetch-depth": 0, "persist-credentials": False}
    assert [step["run"] for step in jobs["build"]["steps"] if "run" in step] == [".ci/nox -s site -- --released"]
    assert [step for step in jobs["publish"]["steps"] if "run" in step] == []
    assert jobs["publish"]["needs"] == "build"


def test_an_auditor_of_workflows_has_nothing_to_say():
    command = [Path(sys.executable).parent / "zizmor", "--offline", "--no-progress", "--quiet", ROOT / ".github"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
