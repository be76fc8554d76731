"""One DAG a customer, made from what `customers` published: each hour, each event's files go into its own table.

A sensor waits for the marker that the hour is complete. Then each event's files are copied into its table, and mirrored to
another cloud. The ledger counts each file in the transaction that loads it: a load that is repeated by a retry or after a kill
changes nothing, and one that is cleared loads what came late, and only that.
"""

from datetime import datetime, timedelta

from penstock import DAG, Alert, CopyObjectsOperator, Variable
from penstock_aws.sensors import S3KeySensor
from penstock_redshift.transfers import S3ToRedshiftOperator

CUSTOMERS = Variable.get("clickstream_customers", {}, deserialize_json=True)
HOURS = Variable.get(
    "clickstream_hours",
    {"first": "2013-01-01T00:00:00+00:00", "last": "2013-12-31T23:00:00+00:00"},
    deserialize_json=True,
)
ROOT = Variable.get("clickstream_root", "s3://clickstream/events")
MIRROR = Variable.get("clickstream_mirror", "gs://clickstream-mirror")
LATE = timedelta(seconds=float(Variable.get("clickstream_late_s", "3600")))
QUEUES = Variable.get("clickstream_queues", {}, deserialize_json=True)
HOUR = "{{ data_interval_start.strftime('dt=%Y-%m-%d/hour=%H') }}"


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
        default_args={
            "retries": 3,
            "retry_delay": timedelta(seconds=2),
            "execution_timeout": timedelta(minutes=5),
            "queue": QUEUES.get(customer, "default"),
        },
        # Not by the deadline of the hour: hours of the past are loaded as well, and none of them is late for that.
        alerts=[Alert("run_slow", to="team", after=LATE)],
        tags=["clickstream"],
    ):
        marker = S3KeySensor(
            task_id="wait_for_hour",
            bucket_key=f"{ROOT}/_hours/{HOUR}/_SUCCESS",
            wildcard_match=False,
            poke_interval=2,
            timeout=timedelta(days=1),
        )
        for event in events:
            folder = f"{customer}.{event}/{HOUR}/"
            load = S3ToRedshiftOperator(
                task_id=f"load_{event}",
                schema="clickstream",
                table=f"{customer.lower()}_{event}",
                s3_key=f"{ROOT}/event={folder}",
                copy_options=["FORMAT JSON 'auto'", "GZIP", "TIMEFORMAT 'auto'"],
                ledger=f"{customer.lower()}_loads",
                if_missing="skip",
            )
            mirror = CopyObjectsOperator(
                task_id=f"mirror_{event}", source=f"{ROOT}/event={folder}", destination=f"{MIRROR}/{folder}"
            )
            marker >> [load, mirror]
