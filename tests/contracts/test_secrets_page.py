"""The secrets backend that the how-to page shows passes the suite that it names, and keeps no Variables."""

import re

import pytest

from penstock import Connection
from penstock.testing import SecretsBackendSuite

PAGE = "docs/how-to/secrets-backend.md"


class TestFileSecrets(SecretsBackendSuite):
    @pytest.fixture
    def make(self, workspace):
        block = re.search(r'```python title="our_secrets.py"\n(.*?)```', (workspace / PAGE).read_text(), re.DOTALL)
        names = {"__name__": "our_secrets"}
        exec(compile(block[1], PAGE, "exec"), names)
        return names["FileSecrets"]

    @pytest.fixture
    def connections(self):
        return {"warehouse": Connection("warehouse", "postgres", host="db", login="ann", password="a-secret-of-ours")}

    @pytest.fixture
    def variables(self):
        return {}

    @pytest.fixture
    def backend(self, make, connections, tmp_path):
        for conn_id, connection in connections.items():
            (tmp_path / conn_id).write_text(connection.to_uri())
        return make(tmp_path)

    @pytest.fixture
    def away(self, make, tmp_path):
        folder = tmp_path.parent / f"{tmp_path.name}-away"
        folder.mkdir()
        made = make(folder)
        folder.rmdir()
        return made
