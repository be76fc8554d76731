"""Checks of data in Redshift; what each checks is said at its base."""

from penstock.spec.sql.table_checks import SQLColumnCheckOperator, SQLTableCheckOperator
from penstock.spec.sql.value_checks import (
    SQLCheckOperator,
    SQLIntervalCheckOperator,
    SQLThresholdCheckOperator,
    SQLValueCheckOperator,
)
from penstock_redshift.hooks.redshift_task import RedshiftTask


class RedshiftColumnCheckOperator(RedshiftTask, SQLColumnCheckOperator):
    """Checks columns of a table: NULLs, different and repeated values, least and greatest."""


class RedshiftTableCheckOperator(RedshiftTask, SQLTableCheckOperator):
    """Checks conditions on a table's rows, or on aggregates of them."""


class RedshiftCheckOperator(RedshiftTask, SQLCheckOperator):
    """Checks that every value of a query's first row is true."""


class RedshiftValueCheckOperator(RedshiftTask, SQLValueCheckOperator):
    """Checks that the values of a query's first row are equal to one."""


class RedshiftThresholdCheckOperator(RedshiftTask, SQLThresholdCheckOperator):
    """Checks that the first value of a query lies between two thresholds."""


class RedshiftIntervalCheckOperator(RedshiftTask, SQLIntervalCheckOperator):
    """Checks that metrics of a day are near those of another."""
