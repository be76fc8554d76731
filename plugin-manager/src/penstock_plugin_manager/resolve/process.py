"""Running uv and pip."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from typing import NamedTuple

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.resolve.message import explain


class Runner(NamedTuple):
    """How tools are run.

    Attributes:
        show: Whether the tool's progress goes to the terminal.
        held: File descriptors of locks; the tool inherits them, so that a lock outlives a killed manager.
        variables: Environment variables besides those of this process.
    """

    show: bool = False
    held: Callable[[], tuple[int, ...]] = tuple
    variables: Mapping[str, str] = {}

    def with_variables(self, variables: Mapping[str, str]) -> Runner:
        """Return a runner that sets more environment variables; an empty one is taken away."""
        return self._replace(variables={**self.variables, **variables})

    def run(self, command: list[str], what: str) -> str:
        """Run a tool to its end.

        Returns:
            Its standard output.

        Raises:
            ManagerError: it failed; the message is in the words of this manager.
        """
        variables = {**os.environ, **self.variables, "NO_COLOR": "" if self.show else "1"}
        try:
            done = subprocess.run(
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=None if self.show else subprocess.PIPE,
                pass_fds=self.held(),
                env={name: text for name, text in variables.items() if text},
            )
        except OSError as error:
            raise ManagerError(f"{command[0]} cannot be run: {error.strerror}.", "Install uv: pip install uv") from None
        output = done.stdout.decode("utf-8", "replace")
        if done.returncode:
            message = done.stderr.decode("utf-8", "replace") if done.stderr else output
            raise explain(what, message, done.returncode)
        return output
