"""What is typed at the edges: each word is understood, or refused in a sentence; read-only commands of one project."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("options")  # they share a project


def test_a_command_is_asked_about_in_every_usual_way(project, call, capsys):
    helped = []
    for words in (["help", "which"], ["which", "--help"]):
        with pytest.raises(SystemExit):
            call(*words)
        helped.append(capsys.readouterr().out)
    assert helped[0] == helped[1] != ""
    assert call("policy") == (0, "The project permits everything: [plugin-manager.policy] is empty.\n")
    for words in (["--version", "--json"], ["--json", "--version"]):
        code, said = call(*words)
        assert (code, json.loads(said)["command"]) == (0, "version")


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["install", "--help"], ["list"], ["list", "--json"]])
def test_what_cannot_be_written_is_told(project, words):
    command = [sys.executable, "-m", "penstock_plugin_manager", *words]
    # What a stream has kept is written at the interpreter's end, where nobody catches anything.
    buffered = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    for _ in range(2):  # the second `list` answers out of its cache
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                command, cwd=project.folder, env=buffered, stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert (done.returncode, "No space left on device" in done.stderr) == (1, True), done.stderr
        assert not re.search("Exception ignored|Traceback", done.stderr)


def test_where_nobody_can_be_told_the_exit_code_is_that_of_an_error(project):
    buffered = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "penstock_plugin_manager", "--version"]
    with Path("/dev/full").open("wb") as full:
        assert (
            subprocess.run(command, cwd=project.folder, env=buffered, stdout=full, stderr=full, check=False).returncode
            == 1
        )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["list", "--project", "/nonexistent"], 3, "/nonexistent"),
        (["verify", "--remember"], 1, "with --publishers"),
        (["which", "s4://bucket/key"], 0, "store"),
        (["which", "s4://"], 0, "store"),
        (["which", "gopher://x"], 3, "No known provider offers"),
        (["info", "nowhere"], 3, "There is no provider 'nowhere'"),
    ],
)
def test_a_word_is_understood_or_refused(project, call, words, code, said):
    links = ["--find-links", str(project.wheels)] if words[0] == "which" else []
    found = call(*words, *links)
    assert (found[0], said in found[1]) == (code, True), found


def test_a_folder_may_have_any_name(project, call, tmp_path):
    folder = tmp_path / "w#1 ü%20"
    folder.symlink_to(project.wheels)
    code, said = call("install", "salesy", "--dry-run", "--no-index", "--find-links", str(folder), "--json")
    assert code == 2, said
    assert "penstock-providers-salesy" in {step["name"] for step in json.loads(said)["data"]["steps"]}


def test_a_provider_of_which_there_is_no_wheel_is_not_offered_in_its_own_place(project, call, tmp_path):
    fields = b"Metadata-Version: 2.1\nName: penstock-providers-sdevil\nVersion: 1.0\n"
    with tarfile.open(tmp_path / "penstock_providers_sdevil-1.0.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("penstock_providers_sdevil-1.0/PKG-INFO")
        member.size = len(fields)
        archive.addfile(member, io.BytesIO(fields))
    code, said = call("info", "sdevil", "--find-links", str(tmp_path))
    assert code == 3
    assert "comes as a source distribution alone" in said
    assert "Did you mean" not in said


def test_what_a_change_leaves_out_is_a_count_and_the_plan_is_shown_once(project, call):
    code, said = call("install", "gamma", "--dry-run")
    assert code == 2
    assert said.count("penstock-providers-gamma") == 1, said
    assert "clouded" not in said, "other known providers are not listed"


def test_an_environment_that_is_switched_off_by_a_variable_names_it(project, call, monkeypatch):
    monkeypatch.setenv("PENSTOCK_DISABLED_PROVIDERS", "alpha")
    code, said = call("enable", "alpha")
    assert "PENSTOCK_DISABLED_PROVIDERS" in said, (code, said)
