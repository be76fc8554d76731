"""Sensors of Redshift."""

from penstock.spec.sql.sql_sensor import SQLSensor
from penstock_redshift.hooks.redshift_task import RedshiftTask


class RedshiftSQLSensor(RedshiftTask, SQLSensor):
    """Waits until the first value of a query is true."""
