"""The container file is linted by hadolint, and what it promises is looked at; `nox -s image` builds and runs it."""

import re


def instructions(text):
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def test_hadolint_has_no_objection(tools, deploy, tmp_path):
    tools.run(tools.hadolint, "--no-color", "--failure-threshold", "style", deploy / "image" / "Containerfile")
    text = (deploy / "image" / "Containerfile").read_text()
    (tmp_path / "Containerfile").write_text(text.replace('ENTRYPOINT ["penstock"]', "ENTRYPOINT penstock"))
    assert "DL3025" in tools.run(tools.hadolint, "--no-color", tmp_path / "Containerfile", ok=False)


def test_both_stages_are_of_the_base_that_is_given_and_pip_stays_in_the_first(deploy):
    found = instructions((deploy / "image" / "Containerfile").read_text())
    assert [words for name, words in found if name == "FROM"] == ["${BASE} AS build", "${BASE}"]
    last = found[len(found) - [name for name, _ in reversed(found)].index("FROM") - 1 :]
    assert "pip" not in " ".join(words for name, words in last if name == "RUN")
    assert next(words for name, words in last if name == "COPY") == "--from=build /opt/penstock /opt/penstock"


def test_it_runs_as_a_user_by_number_with_penstock_as_first_process(deploy):
    found = dict(instructions((deploy / "image" / "Containerfile").read_text()))
    assert re.fullmatch(r"[1-9]\d*:0", found["USER"])
    assert (found["ENTRYPOINT"], found["CMD"], found["STOPSIGNAL"]) == ('["penstock"]', '["up"]', "SIGTERM")
    assert "PENSTOCK_CORE__STATE_FOLDER=/var/lib/penstock" in found["ENV"].split()


def test_no_secret_and_nothing_of_git_gets_into_the_context(deploy):
    ignored = (deploy / "image" / ".containerignore").read_text().split()
    assert {".git", ".penstock", "**/secrets", "**/*.key"} <= set(ignored)
