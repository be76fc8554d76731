"""Calls commands of providers."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from penstock.author.runtime import BaseRuntime, current
from penstock.errors import PenstockError, PluginError, as_sentence
from penstock.model.connection import Connection
from penstock.model.names import error_sentence
from penstock.service.installation import Installation

if TYPE_CHECKING:
    from penstock.plugins.host import PluginHost

_MOST = 255


class _CommandRuntime(BaseRuntime):
    """The runtime of a command: connections, Variables and object stores, as a task would be given them."""

    place: ClassVar[str] = "in a command"
    advice: ClassVar[str] = "do it inside a task"

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def connection(self, conn_id: str) -> Connection:
        """The connection that a task would get; raises NotFoundError, ConfigError or StoreError."""
        return self._installation.vault.connection(conn_id).value

    def variable(self, key: str) -> str | None:
        """The text of the Variable that a task would get, or None; raises ConfigError or StoreError."""
        return self._installation.vault.variable(key).value

    def object_store(self, url: str, conn_id: str | None = None) -> Any:  # noqa: ANN401 - an ObjectStore
        """The object store that serves the URL's scheme."""
        return self._installation.host.object_store(url, conn_id)


def run_command(
    host: "PluginHost", installation: Installation, capability_id: str, arguments: Mapping[str, Any]
) -> int:
    """Call a command of a provider.

    Args:
        host: The providers of this machine, whose code it is.
        installation: What it may ask for things.
        capability_id: Of the command.
        arguments: By the names of its parameters.

    Returns:
        The exit code.

    Raises:
        PluginError: It cannot be imported, does not take the arguments, raises something, or returns no exit code.
        PenstockError: What it raises.
    """
    function = host.resolve(capability_id, "commands")
    try:
        inspect.signature(function).bind(**arguments)
    except (TypeError, ValueError) as error:
        raise PluginError(f"the command {capability_id} does not take what its manifest says: {error}") from error
    token = current.set(_CommandRuntime(installation))
    try:
        return _exit_code(capability_id, function(**arguments))
    except SystemExit as end:
        if isinstance(end.code, str):
            raise PluginError(f"the command {capability_id} ended: {end.code}") from end
        return _exit_code(capability_id, end.code)
    except (PenstockError, BrokenPipeError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PluginError(
            f"the command {capability_id} raised {as_sentence(error_sentence(error))} Report it to the provider's author; "
            "PENSTOCK_TRACEBACK=1 shows where it happened"
        ) from error
    finally:
        current.reset(token)


def _exit_code(capability_id: str, answer: object) -> int:
    if answer is None:
        return 0
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer <= _MOST:
        return answer
    raise PluginError(
        f"the command {capability_id} returned {answer!r:.100}; it must return an exit code of 0 to {_MOST}, or None"
    )
