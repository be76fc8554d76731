"""A task in steps that makes an asset, a DAG that is run by it, and one whose dates are run again."""

import os
from datetime import UTC, datetime

from penstock import DAG, Asset, step, task

made = Asset("made")
WHOLE = datetime(2025, 1, 1, tzinfo=UTC)


def note(line):
    """Say that something is carried out."""
    file = os.open(f"{os.environ['FIRE_FOLDER']}/carried-out", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{line}\n".encode())
    os.close(file)


with DAG("maker", default_args={"retries": 5, "retry_delay": 0.05}):

    @task(outlets=[made])
    def make(run_id):
        for number in range(2):
            step("part", note, f"{run_id} part {number}", key=number)

    make()

with DAG("taker", schedule=[made]):

    @task
    def take(triggering_asset_events):
        (events,) = triggering_asset_events.values()
        for event in events:
            note(f"taken from {event.source_run_id}")

    take()

with DAG("dated", schedule="@daily", start_date=WHOLE, catchup="none"):

    @task
    def once(run_id):
        note(run_id)

    once()
