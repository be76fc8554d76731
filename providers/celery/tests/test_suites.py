"""The suites of the core, on a real broker."""

import pytest

from penstock.testing import RemoteExecutorSuite
from penstock_testkit.brokers.valkey import valkey

pytestmark = [pytest.mark.timeout(200), pytest.mark.xdist_group("celery_suite")]


class TestCeleryExecutor(RemoteExecutorSuite):
    pool = True

    @pytest.fixture(scope="class")
    @classmethod
    def executor_table(cls):
        with valkey() as server:
            yield f'type = "celery.executor"\nserver = "{{url}}"\nbroker = "{server.url}"\ndoorbell_s = 2.0'
