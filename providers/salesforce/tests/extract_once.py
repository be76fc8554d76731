"""A process that runs one extraction, with checkpoints in a file: ``python extract_once.py FILE ARGUMENTS CONNECTION``."""

import json
import sys
from pathlib import Path

from penstock import Connection
from penstock.testing import runtime
from penstock_salesforce.transfers import SalesforceToObjectStoreOperator


class Checkpoints:
    """What a task keeps, in a file."""

    def __init__(self, path):
        self.path = Path(path)

    def get(self, key):
        return json.loads(self.path.read_text()).get(key) if self.path.exists() else None

    def set(self, key, value):
        self.path.write_text(json.dumps({key: value}))


if __name__ == "__main__":
    connection = Connection("salesforce_default", "salesforce", **json.loads(sys.argv[3]))
    with runtime({"salesforce_default": connection}):
        task = SalesforceToObjectStoreOperator(task_id="t", **json.loads(sys.argv[2]))
        left = task.execute({"checkpoints": Checkpoints(sys.argv[1])})
    sys.stdout.write(json.dumps(left) + "\n")
