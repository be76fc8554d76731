"""A run a minute that does nothing: if it succeeds, all from the timetable to the worker works."""

from datetime import UTC, datetime, timedelta

from penstock import DAG, task

with DAG(
    "heartbeat",
    schedule="* * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["monitoring"],
) as heartbeat:

    @task(retries=0, execution_timeout=timedelta(seconds=30))
    def beat() -> str:
        """Return when it ran."""
        return datetime.now(UTC).isoformat(timespec="seconds")

    beat()
