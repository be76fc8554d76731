"""Tries that ask for memory and processors: held to them by the kernel, and told of by the figure."""

from pathlib import Path

import pytest

from penstock.execute.serving import try_bounds
from penstock.model.state import Outcome
from penstock.processes.bounds.control_groups import layout, why_unbound

MIB = 1 << 20


@pytest.fixture
def greedy(bench):
    assert not why_unbound()  # these tests take root, as those that mount do
    bench.write(
        """
@task
def take(): return len(b"x" * (300 << 20))
take()
@task
def below(): subprocess.run([sys.executable, "-c", "x = b'x' * (300 << 20)"], check=True)
below()
@task
def killed(): os.kill(os.getpid(), 9)
killed()
@task
def pid(): return os.getpid()
pid()
@task
def server(): return os.getppid()
server()
@task
def wait(): time.sleep(600)
wait()
"""
    )
    return bench


@pytest.fixture
def groups(greedy):
    """What groups the file server of the bench has made that are left; others run beside it."""
    server = int(greedy.run("server").xcoms["return_value"].json)
    folder = layout(Path("/proc/self")).folders["memory"]
    return lambda: [each.name for each in folder.glob(f"penstock-try-{server}-*")]


def test_a_try_that_runs_out_of_its_memory_is_told_by_the_figure(greedy, groups):
    end = greedy.run("take", memory_bytes=128 * MIB)
    assert (end.outcome, end.error) == (
        Outcome.FAILED,
        "it ran out of its 128Mi of memory: the kernel killed a process of it",
    )
    assert "it ran out of its 128Mi of memory" in greedy.log()
    assert greedy.run("take", memory_bytes=1024 * MIB, cpu=2).outcome is Outcome.SUCCESS
    assert greedy.run("take").outcome is Outcome.SUCCESS
    greedy.until(lambda: not groups())


def test_so_is_one_whose_own_process_outlived_what_was_killed(greedy):
    end = greedy.run("below", memory_bytes=128 * MIB)
    assert end.outcome is Outcome.FAILED
    assert end.error.startswith("it ran out of its 128Mi of memory: the kernel killed a process of it")


def test_another_kill_is_told_as_before_whatever_it_asks_for(greedy):
    end = greedy.run("killed", memory_bytes=256 * MIB)
    assert end.error == "the task's process was killed by SIGKILL (Killed): by the kernel if memory ran out, or by hand"


def test_a_try_with_bounds_has_a_process_of_its_own_where_others_share_one(greedy):
    [first] = greedy.submit("pid", isolation="reuse")
    greedy.wait(first)
    pids = {greedy.wait_started(first)}
    for given in ({"cpu": 1.0}, {"memory_bytes": 256 * MIB}):
        [request] = greedy.submit("pid", isolation="reuse", **given)
        assert greedy.wait(request)[0].outcome is Outcome.SUCCESS
        pids.add(greedy.wait_started(request))
    assert len(pids) == 3


def test_what_a_log_says_where_nothing_holds_a_try(bench):
    request = bench.request("f", memory_bytes=128 * MIB, cpu=0.5)
    told = try_bounds.unheld(request, "its control group may not be written by this user")
    assert told == (
        "nothing holds it to what it asks for (cpu 0.5, memory 128Mi): its control group may not be written by this user\n"
    )


def test_bounds_that_the_kernel_refuses_leave_no_group_behind(greedy, groups):
    [request] = greedy.submit("pid", memory_bytes=1)  # less than what a process has when it begins
    end = greedy.wait(request)[0]
    assert end.outcome in (Outcome.SUCCESS, Outcome.FAILED)
    greedy.until(lambda: not groups())


def test_a_server_that_ends_amid_a_try_leaves_no_group_behind(greedy, groups):
    [request] = greedy.submit("wait", memory_bytes=256 * MIB)
    greedy.wait_started(request)
    assert groups()
    greedy.executor.stop(5.0)
    assert not groups()
