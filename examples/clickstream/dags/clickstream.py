"""One DAG a customer, made from what `customers` published: each hour, each event's files go into its own table.

A sensor waits for the marker that the hour is complete, then the hour's files are copied. The ledger counts a load by
its table and hour in the transaction that loads it: repeated by a retry or after a kill, it changes nothing.
"""

from datetime import datetime, timedelta

from penstock import DAG, Variable
from penstock_aws.sensors import S3KeySensor
from penstock_redshift.transfers import S3ToRedshiftOperator

CUSTOMERS = Variable.get("clickstream_customers", {}, deserialize_json=True)
HOURS = Variable.get(
    "clickstream_hours",
    {"first": "2013-01-01T00:00:00+00:00", "last": "2013-12-31T23:00:00+00:00"},
    deserialize_json=True,
)
ROOT = Variable.get("clickstream_root", "s3://clickstream")
HOUR = "{{ data_interval_start.strftime('%Y/%m/%d/%H') }}"

for customer, events in CUSTOMERS.items():
    with DAG(
        f"clickstream_{customer}",
        description=f"Loads the hourly events of {customer}.",
        schedule="@hourly",
        start_date=datetime.fromisoformat(HOURS["first"]),
        end_date=datetime.fromisoformat(HOURS["last"]),
        catchup=True,
        max_active_runs=4,
        isolation="reuse",
        default_args={"retries": 3, "retry_delay": timedelta(seconds=2), "execution_timeout": timedelta(minutes=5)},
        tags=["clickstream"],
    ):
        for event in events:
            folder = f"{ROOT}/{customer}/{event}/{HOUR}/"
            marker = S3KeySensor(
                task_id=f"wait_for_{event}",
                bucket_key=f"{folder}_SUCCESS",
                wildcard_match=False,
                poke_interval=2,
                timeout=timedelta(days=1),
            )
            load = S3ToRedshiftOperator(
                task_id=f"load_{event}",
                schema="clickstream",
                table=f"{customer.lower()}_{event}",
                s3_key=folder,
                copy_options=["CSV", "GZIP", "IGNOREHEADER 1", "TIMEFORMAT 'auto'"],
                idempotency="ledger",
                load_key="{{ data_interval_start | ts }}",
                ledger=f"{customer.lower()}_loads",
            )
            marker >> load
