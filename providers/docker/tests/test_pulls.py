"""An image is pulled once, with the right login, without a flood of messages, and what a registry refuses is told."""

import base64
import json

import msgspec
import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock_docker.errors import refusal
from penstock_docker.hooks import DockerHook
from penstock_testkit.docker import RemoteImage

PULL = "POST /{version}/images/create"


@pytest.fixture
def logged_in(connection):
    """The connection with a user of a registry."""
    return msgspec.structs.replace(connection, host="registry.example", port=5000, login="ann", password="pw-of-ann")


@pytest.fixture(autouse=True)
def docker_config(tmp_path, monkeypatch):
    """The folder of Docker's own configuration, empty."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def test_an_image_that_is_there_is_not_pulled_unless_that_is_asked_for(run, engine):
    engine.registry["busybox:latest"] = RemoteImage({"Cmd": ["sh"]})

    run("true").check()
    assert engine.asked(PULL) == []
    run("true", force_pull=True).check()
    assert len(engine.asked(PULL)) == 1


def test_a_long_pull_is_one_pull_and_a_few_lines(run, engine, caplog, monkeypatch):
    monkeypatch.setattr("penstock_docker.operators.container_run._PULL_WAIT_S", 0.2)
    engine.registry["tool:1"] = RemoteImage({"Cmd": ["echo", "hi"]}, layers=3, step_s=0.01)

    run(None, image="tool:1").check()

    told = [each for each in caplog.messages if "not here yet" in each]
    assert engine.registry["tool:1"].pulls == len(engine.asked(PULL)) == 1
    assert 2 <= len(told) <= 20  # of more than sixty messages
    assert "tool:1 is not here yet: 0 of 3 layers are there." in told[0]


def test_tasks_that_want_the_same_image_share_a_pull(connection, engine):
    engine.registry["tool:1"] = RemoteImage(step_s=0.01)
    first, second = DockerHook(connection=connection), DockerHook(connection=connection)

    assert first.pull("tool:1")
    assert second.pull("tool:1", wait_s=20) == ""
    assert engine.registry["tool:1"].pulls == 1


def test_a_registrys_user_is_that_of_the_connection_and_no_other_registry_hears_of_it(logged_in, engine):
    engine.registry["registry.example:5000/team/app:1"] = RemoteImage(login=("ann", "pw-of-ann"))
    engine.registry["other.example/app:1"] = RemoteImage()
    hook = DockerHook(connection=logged_in)

    for name in ("registry.example:5000/team/app:1", "other.example/app:1"):
        assert hook.pull(name, wait_s=20) == ""

    assert engine.logins == [("ann", "pw-of-ann"), None]


def test_dockers_own_configuration_serves_where_the_connection_has_no_user(connection, engine, docker_config):
    auth = base64.b64encode(b"bob:pw-of-bob").decode()
    docker_config.write_text(json.dumps({"auths": {"other.example": {"auth": auth}}}))
    engine.registry["other.example/app:1"] = RemoteImage(login=("bob", "pw-of-bob"))

    assert DockerHook(connection=connection).pull("other.example/app:1", wait_s=20) == ""


def test_a_credential_helper_is_asked(connection, engine, docker_config, tmp_path, monkeypatch):
    helper = tmp_path / "docker-credential-vault"
    helper.write_text("""#!/bin/sh\necho '{"ServerURL": "h", "Username": "eve", "Secret": "pw-of-eve"}'\n""")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    docker_config.write_text(json.dumps({"credHelpers": {"vault.example": "vault"}}))
    engine.registry["vault.example/app:1"] = RemoteImage(login=("eve", "pw-of-eve"))

    assert DockerHook(connection=connection).pull("vault.example/app:1", wait_s=20) == ""


@pytest.mark.parametrize(
    ("image", "kind", "hint"),
    [
        ("nowhere:1", "not_found", "Check the image's name and tag"),
        ("registry.example:5000/team/app:2", "not_found", "Check the image's name and tag"),
        (
            "registry.example:5000/team/app:1",
            "auth",
            "Set registry, login and password of the connection 'docker_default'",
        ),
        ("half:1", "quota_exhausted", ""),
    ],
)
def test_what_a_registry_refuses_is_told(logged_in, engine, image, kind, hint):
    engine.registry["registry.example:5000/team/app:1"] = RemoteImage(login=("ann", "another"))
    engine.registry["half:1"] = RemoteImage(breaks_with="write /var/lib/docker/tmp: no space left on device")

    with pytest.raises(ProviderError) as raised:
        DockerHook(connection=logged_in).pull(image, wait_s=20)

    assert raised.value.kind == kind
    assert hint in raised.value.hint
    assert "pw-of-ann" not in str(raised.value)


def test_a_registry_that_is_away_is_the_tasks_to_try_again_after_some_pulls(run, engine):
    engine.registry["tool:1"] = RemoteImage({"Cmd": ["true"]})
    engine.faults.server_error(5, status=500, when=PULL)

    result = run(None, image="tool:1", retries=1)

    assert result.state == "success"
    assert result.tasks["load"].tries == 2


def test_a_pull_that_breaks_off_is_made_again(run, engine):
    engine.registry["tool:1"] = RemoteImage({"Cmd": ["true"]})
    engine.faults.cut_answer(300, when=PULL)

    assert run(None, image="tool:1").check().tasks["load"].tries == 1


def test_a_pull_without_progress_is_given_up(connection, engine):
    engine.registry["tool:1"] = RemoteImage(step_s=30)
    slow = msgspec.structs.replace(connection, extra={**connection.extra, "stalled_pull_s": 0.2})

    with pytest.raises(ProviderError) as raised:
        DockerHook(connection=slow).pull("tool:1", wait_s=20)
    assert raised.value.kind is ErrorKind.TIMEOUT


@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [
        ("toomanyrequests: You have reached your pull rate limit.", 500, "throttled"),
        ("toomanyrequests: too fast", 429, "throttled"),
        ('Get "https://r/v2/": no basic auth credentials', 500, "auth"),
        ("denied: requested access to the resource is denied", 403, "permission"),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", 404, "not_found"),
        ('Get "https://r/v2/": dial tcp: lookup r: no such host', 500, "transient"),
        ("unexpected EOF", None, "transient"),
    ],
)
def test_the_words_of_registries_have_kinds(text, status, kind):
    assert refusal(text, status, operation="pull").kind == kind
