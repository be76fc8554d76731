"""What a task starts ends with its try, however it detached itself and whoever was killed first."""

import os
import signal
from pathlib import Path

import pytest

from penstock.execute.executor_lock import lock_executor

# Each starts a process that writes its id into PID and would live on for ten minutes.
DETACHES = {
    "session": "subprocess.Popen(['sh', '-c', 'echo $$ > PID.new; mv PID.new PID; sleep 600'], start_new_session=True)",
    "daemon": "subprocess.run(['sh', '-c', 'setsid sh -c \"echo \\\\$\\\\$ > PID.new; mv PID.new PID; sleep 600\" >/dev/null 2>&1 &'])",
}
WAITS = "\n    while not os.path.exists('PID'): time.sleep(0.01)"


def write(bench, tmp_path, how, after=""):
    body = DETACHES[how] + WAITS + after
    bench.write("@task\ndef t():\n    " + body.replace("PID", str(tmp_path / "pid")) + "\nt()")


def started(bench, tmp_path):
    """The id of the detached process, once it runs."""
    bench.until((tmp_path / "pid").exists)
    return int((tmp_path / "pid").read_text())


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("how", DETACHES)
def test_what_detached_itself_ends_with_its_try(bench, tmp_path, how):
    write(bench, tmp_path, how)
    assert bench.run("t").outcome == "success"
    pid = started(bench, tmp_path)
    bench.until(lambda: gone(pid))


@pytest.mark.parametrize("how", DETACHES)
def test_it_ends_with_a_file_server_that_is_killed(bench, tmp_path, how):
    write(bench, tmp_path, how, "\n    os.kill(os.getppid(), 9); time.sleep(600)")
    assert bench.run("t").outcome == "lost"
    pid = started(bench, tmp_path)
    bench.until(lambda: gone(pid))


def test_it_ends_with_a_spawn_server_that_is_killed_before_the_next_try_starts(bench, tmp_path):
    write(bench, tmp_path, "session", "\n    time.sleep(600)")
    [request] = bench.submit("t")
    bench.wait_started(request)
    pid = started(bench, tmp_path)
    bench.environment._process.kill()
    bench.wait(request)
    bench.write("@task\ndef t(): return 1\nt()")
    assert bench.run("t").outcome == "success"
    assert gone(pid)


def test_it_is_dead_before_the_next_scheduler_starts_although_nothing_of_the_executor_was_left_to_end_it(
    bench, tmp_path
):
    write(bench, tmp_path, "session", "\n    time.sleep(600)")
    [request] = bench.submit("t")
    try_pid = bench.wait_started(request)
    pid = started(bench, tmp_path)
    file_server = int(Path(f"/proc/{try_pid}/stat").read_text().rpartition(")")[2].split()[1])
    for victim in (bench.environment._process.pid, file_server, try_pid):
        os.kill(victim, signal.SIGKILL)
    bench.until(lambda: gone(try_pid))
    assert not gone(pid)
    lock = lock_executor(tmp_path / "other.lock", patience_s=5)
    os.close(lock)
    assert not gone(pid), "it belongs to another executor"
    os.close(bench._lock)
    bench._lock = lock_executor(tmp_path / "executor.lock", patience_s=5)
    assert gone(pid)


def test_stopping_ends_what_detached_itself(bench, tmp_path):
    write(bench, tmp_path, "daemon", "\n    time.sleep(600)")
    bench.submit("t")
    pid = started(bench, tmp_path)
    bench.executor.stop(5)
    assert gone(pid)


def test_a_task_begins_without_the_keys_of_the_installation(bench, monkeypatch):
    monkeypatch.setenv("PENSTOCK_SECRET_KEY", "the-master-key")
    monkeypatch.setenv("PENSTOCK_DATABASE__URL", "postgresql://me:word@host/db")
    monkeypatch.setenv("PENSTOCK_CONN_X", "http://me:other-word@host")
    bench.environment.close()
    bench.write("@task\ndef t(): print(dict(os.environ)); return 'PENSTOCK_EXECUTOR_MARK' in os.environ\nt()")
    assert bench.run("t").outcome == "success"
    assert "PATH" in bench.log()
    assert not any(secret in bench.log() for secret in ("the-master-key", "postgresql", "other-word"))
