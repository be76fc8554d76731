"""Runs of a hundred short tasks each; every one that is carried out says so in a file."""

import os
from datetime import timedelta

from penstock import DAG, task

NUMBERS = range(100)

for name in ("flood", "flood2", "flood3", "flood4"):
    with DAG(
        name,
        isolation="reuse",
        max_active_runs=16,
        max_active_tasks=64,
        default_args={"retries": 20, "retry_delay": timedelta(seconds=0.05)},
    ):

        @task
        def one(number, run_id=None):
            line = f"{run_id} {number}\n".encode()
            file = os.open(f"{os.environ['FIRE_FOLDER']}/flood", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(file, line)
            os.close(file)

        one.expand(number=list(NUMBERS))
