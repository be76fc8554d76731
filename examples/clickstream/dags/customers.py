"""Keeps what the service says about customers and events in a Variable, from which the other file makes its DAGs.

A customer is published when its tables exist. If the service is down or answers nonsense, the run fails and says why,
and the Variable stays as it was: the last good set goes on being loaded.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import urlopen

from penstock import DAG, Connection, Variable, task
from penstock.errors import PenstockError

VARIABLE = "clickstream_customers"
QUEUE = Variable.get("clickstream_queues", {}, deserialize_json=True).get("customers", "default")
CUSTOMER = re.compile(r"[A-Za-z0-9]{1,16}")
EVENT = re.compile(r"[a-z][a-z_]{0,31}")
COLUMNS = (
    "hour timestamp, flight integer, tailnum varchar(10), origin varchar(3), dest varchar(3), "
    "distance integer, delay integer, air_time integer"
)


class WrongAnswerError(PenstockError):
    """The service answered something that is no set of customers."""


def validated(answer: Any) -> dict[str, list[str]]:  # noqa: ANN401 - whatever the service sent
    """Customers with their events, sorted; raises WrongAnswerError with what is wrong."""
    customers = answer.get("customers") if isinstance(answer, dict) else None
    if not isinstance(customers, dict) or not customers:
        raise WrongAnswerError(f"the service named no customers; it answered {str(answer)[:200]!r}")
    for customer, events in customers.items():
        if not CUSTOMER.fullmatch(customer):
            raise WrongAnswerError(f"the service named a customer {customer!r}, which is no name for DAGs and tables")
        if not isinstance(events, list) or not all(isinstance(each, str) and EVENT.fullmatch(each) for each in events):
            raise WrongAnswerError(f"the events of customer {customer!r} are {events!r}, not a list of names")
    folded = [customer.lower() for customer in customers]
    if len(set(folded)) < len(folded):
        raise WrongAnswerError("two customers differ in upper and lower case only and would share their tables")
    return {customer: sorted(set(events)) for customer, events in sorted(customers.items()) if events}


def current() -> dict[str, list[str]]:
    """What is published."""
    published: dict[str, list[str]] = Variable.get(VARIABLE, {}, deserialize_json=True)
    return published


with DAG(
    "customers",
    description="Publishes the service's customers and events for the DAGs that load them.",
    schedule=timedelta(seconds=5),
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    default_args={"queue": QUEUE},
    tags=["clickstream"],
):

    @task(retries=1, retry_delay=1, execution_timeout=30)
    def ask() -> dict[str, list[str]]:
        """Ask the service."""
        service = Connection.get("clickstream_service")
        with urlopen(f"http://{service.host}:{service.port}/customers", timeout=10) as response:
            return validated(json.load(response))

    @task.short_circuit
    def has_news(tracked: dict[str, list[str]]) -> bool:
        """Go on only if something is to be published."""
        return tracked != current()

    @task(retries=3, retry_delay=2, execution_timeout=300)
    def make_tables(tracked: dict[str, list[str]]) -> None:
        """Make the table of each event that is new."""
        from penstock_redshift.hooks import RedshiftHook  # noqa: PLC0415 - the import costs, and news are rare

        published = current()
        statements = ["CREATE SCHEMA IF NOT EXISTS clickstream"]
        for customer, events in tracked.items():
            for event in sorted(set(events) - set(published.get(customer, []))):
                table = f'clickstream."{customer.lower()}_{event}"'
                statements.append(f"CREATE TABLE IF NOT EXISTS {table} ({COLUMNS})")
        RedshiftHook("redshift_default").run("; ".join(statements), autocommit=True)

    @task
    def publish(tracked: dict[str, list[str]]) -> None:
        """Store the set: the loader imports the other file again, and DAGs appear, change or retire."""
        Variable.set(VARIABLE, tracked, serialize_json=True)
        print(f"published {len(tracked)} customers with {sum(map(len, tracked.values()))} events")

    answer = ask()
    has_news(answer) >> make_tables(answer) >> publish(answer)
