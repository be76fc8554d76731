"""Why a container has failed is said in words."""

import pytest

from penstock_docker.operators.end_cause import end_cause, size_text


def kill(signal):
    return {"Action": "kill", "Actor": {"Attributes": {"signal": signal}}}


DIE = {"Action": "die"}
FORGOTTEN = "; the engine remembers nothing of its end, as after a restart, by which an engine without live-restore ends what it runs"


@pytest.mark.parametrize(
    ("state", "memory", "events", "says"),
    [
        ({"ExitCode": 0}, 0, [], ""),
        ({"ExitCode": 1}, 0, [], "its container ended with exit code 1"),
        ({"ExitCode": 126}, 0, [], "its container ended with exit code 126: a command could not be executed"),
        ({"ExitCode": 143}, 0, [DIE], "its container was ended by SIGTERM (exit code 143)"),
        ({"ExitCode": 143}, 0, [], f"its container was ended by SIGTERM (exit code 143{FORGOTTEN})"),
        ({"ExitCode": 137}, 0, [], f"its container was ended by SIGKILL (exit code 137{FORGOTTEN})"),
        ({"ExitCode": 137}, 0, [DIE],
         "its container was ended by SIGKILL (exit code 137; the engine sent none, so look at the machine's own memory)"),
        ({"ExitCode": 255}, 0, [], f"its container ended with exit code 255{FORGOTTEN}"),
        ({"ExitCode": 255}, 0, [DIE], "its container ended with exit code 255"),
        ({"ExitCode": 143}, 0, [kill("15")], "somebody ended its container by the engine, with SIGTERM (exit code 143)"),
        ({"ExitCode": 137}, 0, [kill("15"), kill("9")], "somebody ended its container by the engine, with SIGKILL (exit code 137)"),
        ({"ExitCode": 137, "OOMKilled": True}, 20 << 20, [],
         "its container was killed for its memory: the limit is 20 MiB (exit code 137)"),
        ({"ExitCode": 137, "OOMKilled": True}, 0, [],
         "its container was killed for its memory: the machine had none left, and the container has no limit (exit code 137)"),
        ({"ExitCode": 1}, 3 << 29, [{"Action": "oom"}],
         "a process in its container was killed for its memory: the limit is 1.5 GiB (exit code 1)"),
        ({"ExitCode": 255, "Error": "shim disconnected"}, 0, [DIE], "its container ended with exit code 255; shim disconnected"),
        (
            {"ExitCode": 1, "Health": {"Status": "unhealthy", "Log": [{"Output": "x"}, {"Output": "no route\n"}]}}, 0, [],
            "its container ended with exit code 1; its health check had failed: no route",
        ),
        ({"ExitCode": 1, "Health": {"Status": "healthy", "Log": []}}, 0, [], "its container ended with exit code 1"),
    ],
)  # fmt: skip
def test_a_cause_is_a_sentence(state, memory, events, says):
    assert end_cause({"State": state, "HostConfig": {"Memory": memory}}, events) == says


@pytest.mark.parametrize(("size", "text"), [(512, "512 bytes"), (1536, "1.5 KiB"), (1 << 30, "1 GiB")])
def test_a_size_is_written_as_people_write_it(size, text):
    assert size_text(size) == text
