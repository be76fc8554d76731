"""Objects of Salesforce into tables of Redshift, every hour: what has changed, and each record once."""

from datetime import UTC, datetime, timedelta

from penstock import DAG, Variable
from penstock_redshift.operators import RedshiftSQLOperator
from penstock_salesforce.transfers import salesforce_to_redshift

OBJECTS = Variable.get(
    "crm_objects",
    {"Account": {"exclude_fields": ["Phone"]}, "Contact": {}, "Opportunity": {"table": "deals"}},
    deserialize_json=True,
)
LAKE = Variable.get("crm_lake", "s3://lake/salesforce")

with DAG(
    "crm",
    description="Loads the records of the sales team.",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    default_args={"retries": 5, "retry_delay": timedelta(seconds=5), "execution_timeout": timedelta(minutes=30)},
    tags=["crm"],
):
    schema = RedshiftSQLOperator(task_id="schema", sql="CREATE SCHEMA IF NOT EXISTS crm", repeatable=True)
    schema >> salesforce_to_redshift(OBJECTS, lake=LAKE, schema="crm")
