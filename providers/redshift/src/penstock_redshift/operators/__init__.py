"""Operators of Redshift."""

from penstock_redshift.operators.cache import (
    RedshiftCacheCheckOperator,
    RedshiftCacheCreateOperator,
    RedshiftCacheDropOperator,
    RedshiftCacheRefreshOperator,
    RedshiftCacheSetupOperator,
)
from penstock_redshift.operators.checks import (
    RedshiftCheckOperator,
    RedshiftColumnCheckOperator,
    RedshiftIntervalCheckOperator,
    RedshiftTableCheckOperator,
    RedshiftThresholdCheckOperator,
    RedshiftValueCheckOperator,
)
from penstock_redshift.operators.data_api import RedshiftDataOperator
from penstock_redshift.operators.queries import RedshiftQueriesOperator
from penstock_redshift.operators.schema import RedshiftSchemaOperator
from penstock_redshift.operators.sql import RedshiftSQLOperator

__all__ = [
    "RedshiftCacheCheckOperator",
    "RedshiftCacheCreateOperator",
    "RedshiftCacheDropOperator",
    "RedshiftCacheRefreshOperator",
    "RedshiftCacheSetupOperator",
    "RedshiftCheckOperator",
    "RedshiftColumnCheckOperator",
    "RedshiftDataOperator",
    "RedshiftIntervalCheckOperator",
    "RedshiftQueriesOperator",
    "RedshiftSQLOperator",
    "RedshiftSchemaOperator",
    "RedshiftTableCheckOperator",
    "RedshiftThresholdCheckOperator",
    "RedshiftValueCheckOperator",
]
