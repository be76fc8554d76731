"""Any object store is a log store."""

import pytest

from penstock.plugins.file_store import FileStore
from penstock.plugins.object_logs import ObjectLogs
from penstock.testing import LogStoreSuite


class TestObjectLogs(LogStoreSuite):
    @pytest.fixture
    def make(self, tmp_path):
        return lambda: ObjectLogs(f"file://{tmp_path}/logs", FileStore())
