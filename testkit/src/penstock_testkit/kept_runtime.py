"""A runtime of tasks that outlives a process that is killed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock import Connection
from penstock.testing.fake_runtime import FakeRuntime


class KeptRuntime(FakeRuntime):
    """A runtime whose checkpoints outlive a killed process, as those of the database do.

    Args:
        connections: By their ids.
        file: Where the checkpoints are.
    """

    def __init__(self, connections: Mapping[str, Connection], file: Path) -> None:
        super().__init__(dict(connections))
        self._file = file

    def checkpoint(self, key: str) -> Any:  # noqa: ANN401 - JSON
        """What is kept under a name; None if nothing is."""
        return self._kept().get(key)

    def set_checkpoint(self, key: str, value: Any) -> None:  # noqa: ANN401 - JSON
        """Keep a value under a name."""
        self._file.write_text(json.dumps({**self._kept(), key: value}))

    def _kept(self) -> dict[str, Any]:
        return dict(json.loads(self._file.read_text())) if self._file.exists() else {}
