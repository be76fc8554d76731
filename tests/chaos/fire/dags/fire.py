"""Tasks that run commands, fork, detach and ignore signals, until the gate of their run is opened.

Each try holds a lock of its task for as long as anything that it started lives: the kernel frees it with the last process
that has it open. Whoever begins and does not get it says so.
"""

import fcntl
import os
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

from penstock import DAG, BashOperator, task

FOLDER = Path(os.environ["FIRE_FOLDER"])
DYING_S = 0.3  # seconds in which the kernel buries a process that it was told to kill
LOOP = 'while [ ! -e "$GATE" ]; do sleep 0.05; done'
COMMAND = """
exec 9>>"$FIRE_FOLDER/{{ run_id }}.command.lock"
flock -w 0.3 9 || echo "overlap {{ run_id }} command $$" >> "$FIRE_FOLDER/lines"
echo "begin {{ run_id }} command $$" >> "$FIRE_FOLDER/lines"
GATE="$FIRE_FOLDER/{{ run_id }}.gate"
"""


def note(what, run_id, task_id):
    with (FOLDER / "lines").open("a") as file:
        file.write(f"{what} {run_id} {task_id} {os.getpid()}\n")


def begin(run_id, task_id):
    """Take the lock of a task; it stays with this process and what it hands the descriptor to."""
    lock = os.open(FOLDER / f"{run_id}.{task_id}.lock", os.O_RDWR | os.O_CREAT)
    until = time.monotonic() + DYING_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > until:
                note("overlap", run_id, task_id)
                break
            time.sleep(0.01)
    note("begin", run_id, task_id)
    return lock


def gate(run_id):
    return FOLDER / f"{run_id}.gate"


def wait(run_id):
    while not gate(run_id).exists():
        time.sleep(0.02)


def outlive(lock):
    """Leave a process behind that belongs to nobody and holds the lock."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        os._exit(0)
    return lock


with DAG("fire", default_args={"retries": 20, "retry_delay": timedelta(seconds=0.05)}):

    @task
    def plain(run_id=None):
        begin(run_id, "plain")
        wait(run_id)

    @task
    def runs(run_id=None):
        lock = begin(run_id, "runs")
        subprocess.run(["sh", "-c", LOOP], env={**os.environ, "GATE": gate(run_id)}, pass_fds=[lock], check=True)

    @task
    def detaches(run_id=None):
        lock = outlive(begin(run_id, "detaches"))
        subprocess.Popen(["sleep", "600"], pass_fds=[lock], start_new_session=True)
        wait(run_id)

    @task
    def stubborn(run_id=None):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        begin(run_id, "stubborn")
        wait(run_id)

    @task.sensor(poke_interval=0.1)
    def waits(run_id=None):
        note("poke", run_id, "waits")
        return gate(run_id).exists()

    @task
    def last(run_id=None):
        note("last", run_id, "last")

    command = BashOperator(task_id="command", bash_command=COMMAND + LOOP)
    [plain(), runs(), detaches(), stubborn(), waits(), command] >> last()

with DAG("kept", isolation="reuse", default_args={"retries": 20, "retry_delay": timedelta(seconds=0.05)}):

    @task
    def serves(run_id=None):
        lock = begin(run_id, "serves")
        wait(run_id)
        os.close(lock)

    serves()
