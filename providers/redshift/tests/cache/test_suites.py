"""The operators of the cache keep what all operators must keep."""

import pytest

from penstock.testing import OperatorSuite
from penstock_redshift.operators import (
    RedshiftCacheCheckOperator,
    RedshiftCacheCreateOperator,
    RedshiftCacheDropOperator,
    RedshiftCacheRefreshOperator,
    RedshiftCacheSetupOperator,
)


class OnCache:
    """What the suites share: a cache of the sales."""

    @pytest.fixture
    def connections(self, cache, create, three_connections):
        create()
        return three_connections


class TestRedshiftCacheSetupOperator(OnCache, OperatorSuite):
    operator = RedshiftCacheSetupOperator

    @pytest.fixture
    def arguments(self):
        return {"server": "warehouse"}


class TestRedshiftCacheCreateOperator(OnCache, OperatorSuite):
    operator = RedshiftCacheCreateOperator

    @pytest.fixture
    def arguments(self):
        return {"name": "others", "table": "public.sales"}


class TestRedshiftCacheRefreshOperator(OnCache, OperatorSuite):
    operator = RedshiftCacheRefreshOperator

    @pytest.fixture
    def arguments(self):
        return {"name": "sales", "mode": "full"}


class TestRedshiftCacheCheckOperator(OnCache, OperatorSuite):
    operator = RedshiftCacheCheckOperator

    @pytest.fixture
    def arguments(self):
        return {"names": ["sales"], "max_staleness_s": 3600.0}


class TestRedshiftCacheDropOperator(OnCache, OperatorSuite):
    operator = RedshiftCacheDropOperator

    @pytest.fixture
    def arguments(self):
        return {"name": "sales"}
