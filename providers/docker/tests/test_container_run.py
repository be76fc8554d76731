"""A command runs in one container, which is looked at until its end, told with its cause, and removed."""

import sys

import pytest

from penstock import DAG, Connection
from penstock.testing import run_dag
from penstock_docker.operators import DockerOperator
from penstock_testkit.docker import RemoteImage
from penstock_testkit.processes import wait_until

CREATE, START = "POST /{version}/containers/create", "POST /{version}/containers/{name}/start"
INSPECT, LOGS = "GET /{version}/containers/{name}/json", "GET /{version}/containers/{name}/logs"
REMOVE = "DELETE /{version}/containers/{name}"


def failed(result):
    found = result.tasks["load"]
    assert found.state == "failed"
    return found.errors[-1]


def stop_once_it_wrote(engine):
    """Have the engine take a stop once the container has written: a shell writes after it has set its trap."""

    def wait(request):
        if request.path.endswith("/stop"):
            (made,) = engine.containers.values()
            wait_until(lambda: bool(made.log.pieces), seconds=30, otherwise=lambda: "it wrote nothing")

    engine.faults.append(wait)


def test_what_it_writes_is_in_the_log_and_its_last_line_is_the_value(run, lines, engine):
    result = run(["sh", "-c", "echo '|one'; sleep 0.1; echo '|two' >&2; sleep 0.1; echo '|three'; printf '|last'"])

    assert result.check().value("load") == "|last"
    assert lines() == ["one", "two", "three", "last"]
    assert result.value("load", "image_digest") == engine.images["busybox:latest"]["Id"]


def test_it_is_shaped_as_its_arguments_say_and_labelled_with_its_task(run, engine, tmp_path):
    (tmp_path / "given").write_text("from outside")
    mount = {"Type": "bind", "Source": str(tmp_path), "Target": "/in", "ReadOnly": True}

    result = run(
        "sh -c 'cat /in/given; echo; cat $FILE'", mounts=[mount], network_mode="none", cpus=0.5, mem_limit="512m",
        shm_size="64m", ulimits=[{"Name": "nofile", "Soft": 100, "Hard": 200}], labels={"team": "data"}, user="1000:1000",
        working_dir="/out", log_opts={"max-size": "1m"}, environment={"FILE": "/in/given"}, container_name="load",
        healthcheck={"test": ["CMD", "true"], "interval": 10**9}, host_options={"cap_add": ["SYS_PTRACE"]}, entrypoint="env",
        auto_remove="never",
    )  # fmt: skip

    (made,) = engine.containers.values()
    engine.kept = [made.name]
    assert result.check().value("load") == "from outside"
    assert made.name.startswith("load-penstock-")
    host = made.host
    assert (host["Memory"], host["ShmSize"], host["NanoCpus"]) == (512 << 20, 64 << 20, 500_000_000)
    assert (host["NetworkMode"], host["CapAdd"], host["Ulimits"]) == (
        "none", ["SYS_PTRACE"], [{"Name": "nofile", "Soft": 100, "Hard": 200}],
    )  # fmt: skip
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "1m"}}
    assert made.config["Entrypoint"] == ["env"]
    labels = made.config["Labels"]
    assert {
        "team": "data",
        "penstock.dag_id": "shop",
        "penstock.task_id": "load",
        "penstock.try_number": "1",
    }.items() <= labels.items()
    assert (made.config["User"], made.config["WorkingDir"]) == ("1000:1000", "/out")


def test_nothing_is_mounted_that_the_author_did_not_name(run, engine):
    """af#16806: a folder for temporary files was mounted, which an engine elsewhere does not have."""
    run("true")
    (body,) = [each.body for each in engine.asked(CREATE)]
    assert b"Mounts" not in body
    assert b"Binds" not in body


@pytest.mark.parametrize(
    ("script", "more", "says"),
    [
        ("exit 3", {}, "ended with exit code 3"),
        ("exit 127", {}, "exit code 127: a command was not found"),
        ("kill -SEGV $$", {}, "ended by SIGSEGV (exit code 139)"),
        ("kill -KILL $$", {}, "SIGKILL (exit code 137; the engine sent none, so look at the machine's own memory)"),
        (
            "echo bad; exit 1",
            {"healthcheck": {"test": ["CMD-SHELL", "echo no route"], "interval": 10**7}},
            "exit code 1",
        ),
        (
            "while [ ! -e checked ]; do sleep 0.01; done; sleep 0.5; exit 1",
            {
                "healthcheck": {
                    "test": ["CMD-SHELL", "touch checked; echo no route; exit 1"],
                    "interval": 10**7,
                    "retries": 1,
                }
            },
            "exit code 1; its health check had failed: no route",
        ),
    ],
)
def test_a_container_that_fails_says_why(run, script, more, says):
    assert says in failed(run(["sh", "-c", script], **more))


def test_one_that_needs_too_much_memory_is_told_with_its_limit(run):
    grows = [
        sys.executable,
        "-c",
        "import time; x = bytearray(90 << 20); x[::4096] = b'1' * len(x[::4096]); time.sleep(60)",
    ]
    assert "killed for its memory: the limit is 40 MiB (exit code 137)" in failed(run(grows, mem_limit="40m"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"command": ["nosuchprogram"]}, "executable file not found"),
        ({"network_mode": "nowhere"}, "network nowhere not found"),
        (
            {"device_requests": [{"Driver": "nvidia", "Count": -1, "Capabilities": [["gpu"]]}]},
            "could not select device driver",
        ),
        ({"mounts": [{"Type": "bind", "Source": "/no/such", "Target": "/in"}]}, "bind source path does not exist"),
        ({"mem_limit": "1m"}, "Minimum memory limit allowed is 6MB"),
        ({"result_file": "/out/r.json"}, "left no /out/r.json"),
        ({"command": "echo '{'", "result_file": "/out"}, "no regular file"),
    ],
)
def test_what_no_repetition_mends_fails_at_once(run, arguments, says):
    result = run(**{"command": "true", "retries": 3, "working_dir": "/out", **arguments})

    assert says in failed(result)
    assert result.tasks["load"].tries == 1


def test_a_failed_container_is_followed_by_another_in_the_next_try(run, engine):
    assert run("sh -c 'exit 1'", retries=1).tasks["load"].tries == 2
    assert len(engine.made) == 2


def test_an_exit_code_may_mean_to_skip(run):
    result = run("sh -c 'exit 99'", skip_on_exit_code=[99, 98]).tasks["load"]
    assert (result.state, result.reason) == ("skipped", "the container ended with exit code 99, which means: skip")
    assert run("sh -c 'exit 98'", skip_on_exit_code=98).tasks["load"].state == "skipped"


def test_a_file_of_json_is_the_value(run):
    script = """echo '{"rows": [1, 2]}' > r.json; echo later"""
    result = run(["sh", "-c", script], working_dir="/out", result_file="/out/r.json")
    assert result.check().value("load") == {"rows": [1, 2]}


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("head -c 1200000 /dev/zero > r.json", "has 1,200,000 bytes, and at most 1,048,576 are taken"),
        ("printf '\\200\\003K\\001.' > r.json", "is no JSON"),  # what pickle makes of 1: text or nothing here
        ("ln -s /etc/hostname r.json", "no regular file"),
    ],
)
def test_a_result_that_is_none_is_refused(run, script, says):
    assert says in failed(run(["sh", "-c", script], working_dir="/out", result_file="/out/r.json"))


@pytest.mark.parametrize(("auto_remove", "succeeded", "left"), [
    ("force", True, 0), ("force", False, 0), ("success", True, 0), ("success", False, 1), ("never", True, 1), ("never", False, 1),
])  # fmt: skip
def test_it_is_removed_as_the_author_says(run, engine, auto_remove, succeeded, left):
    """af#13532: it was removed by the engine, or not at all."""
    run("true" if succeeded else "false", auto_remove=auto_remove)

    assert len(engine.containers) == left
    engine.kept = [each.name for each in engine.containers.values()]


@pytest.mark.parametrize(
    "script", ["echo; exec sleep 1000", "trap 'echo \"|ends\"; exit 0' TERM; echo; while true; do sleep 0.01; done"]
)
def test_one_whose_task_is_out_of_time_is_stopped_and_removed(run, engine, lines, script):
    """af#56149, af#67225: the container was stopped and not removed."""
    stop_once_it_wrote(engine)
    result = run(["sh", "-c", script], timeout=300, stop_grace_s=5)

    assert "gave up" in failed(result)
    kills = [each["Actor"]["Attributes"]["signal"] for each in engine.events if each["Action"] == "kill"]
    assert kills == ["15"]
    assert lines() == (["ends"] if "trap" in script else [])


def test_one_that_does_not_listen_is_killed(run, engine):
    stop_once_it_wrote(engine)
    run(["sh", "-c", "trap '' TERM; echo; while true; do sleep 0.01; done"], timeout=100, stop_grace_s=0)
    kills = [each["Actor"]["Attributes"]["signal"] for each in engine.events if each["Action"] == "kill"]
    assert kills == ["15", "9"]


def test_secrets_reach_the_container_and_nobody_else(engine, connection, caplog):
    caplog.set_level("DEBUG")
    with DAG("shop", schedule=None) as dag:
        DockerOperator(
            task_id="load", image="busybox", command=["sh", "-c", "echo \"|$TOKEN\"; test $TOKEN = pw-of-the-shop || exit 1"],
            private_environment={"TOKEN": "{{ conn.shop.password }}"},
        )  # fmt: skip
    shop = Connection("shop", "http", password="pw-of-the-shop")
    result = run_dag(dag, connections={"docker_default": connection, "shop": shop})

    assert result.check().value("load") == "|***"
    assert "|***" in caplog.messages
    assert "pw-of-the-shop" not in caplog.text
    assert all("pw-of-the-shop" not in str(each["Actor"]) for each in engine.events)


def test_an_engine_that_does_not_answer_for_a_while_fails_nothing(run, engine, lines):
    """af#23159, af#14574: a log that was silent for a minute failed the task, and its container ran on."""
    for when in (INSPECT, LOGS, START):
        engine.faults.server_error(2, when=when)
        engine.faults.reset_before(1, when=when)
    assert run(["sh", "-c", "echo '|one'; sleep 0.3; echo '|two'"]).check().value("load") == "|two"
    assert lines() == ["one", "two"]
    assert len(engine.made) == 1


@pytest.mark.parametrize("operation", [CREATE, START, REMOVE])
def test_a_lost_answer_makes_no_second_container(run, engine, operation):
    engine.faults.reset_after(when=operation)

    assert run("echo done").check().value("load") == "done"
    assert len(engine.made) == 1


def test_one_that_somebody_else_removes_has_failed(run, engine):
    def vanish(request):
        if engine.events and engine.events[-1]["Action"] == "start" and request.method == "GET":
            engine.close()

    engine.faults.append(vanish)
    assert "is gone: somebody else removed it" in failed(run("sleep 1000"))


def test_an_image_of_an_entrypoint_gets_the_command(run, engine):
    engine.have("tool:2", Entrypoint=["echo", "of the image"], Cmd=["unless", "given"])
    assert run(None, image="tool:2").check().value("load") == "of the image unless given"
    assert run("given", image="tool:2").check().value("load") == "of the image given"


def test_it_may_be_left_to_itself(run, engine, hook):
    result = run("sleep 1000", wait_for_completion=False)

    (left,) = engine.containers.values()
    assert result.check().value("load") == left.id
    assert left.running
    hook.remove(left.id)


def test_a_terminal_has_a_log_too(run, lines):
    assert run(["sh", "-c", "echo '|one'; echo '|two'"], tty=True).check().value("load") == "|two"
    assert lines() == ["one", "two"]


def test_a_log_that_the_engine_does_not_keep_fails_nothing(run, caplog):
    result = run("echo done", host_options={"log_config": {"Type": "none", "Config": {}}})
    assert result.check().value("load") == ""
    assert "cannot be read, as its logging driver keeps nothing here" in caplog.text


def test_what_the_engine_would_do_behind_the_task_is_refused():
    with pytest.raises(ValueError, match="host_options has auto_remove"):
        DockerOperator(task_id="t", image="busybox", host_options={"auto_remove": True})


def test_an_image_of_another_platform_is_pulled(run, engine):
    engine.registry["busybox:latest"] = RemoteImage({"Cmd": ["echo", "far"]})
    run(None, platform="linux/arm64").check()
    run("true", platform="linux/amd64").check()
    assert engine.registry["busybox:latest"].pulls == 1


def test_an_image_that_is_pulled_is_known_by_its_digest(run, engine):
    engine.registry["tool:3"] = RemoteImage({"Cmd": ["echo", "hi"]})
    result = run(None, image="tool:3").check()
    assert result.value("load", "image_digest") == engine.images["tool:3"]["RepoDigests"][0]
