"""Main of the process of a secrets backend: ``python -m penstock.app.secrets_backend LINE``, the number of a descriptor."""

import logging
import os
import signal
import socket
import sys

from penstock.decoders import decode_json
from penstock.errors import ConfigError
from penstock.plugins.sources import PluginSources
from penstock.processes.bounds.memory import limit_memory
from penstock.processes.log_lines import log_to_stdout
from penstock.spec.secrets_backend import SecretsBackend
from penstock.tries.backend_line import BackendConfig
from penstock.tries.backend_process import serve_backend
from penstock_manifest.arguments import argument_problems


def main(line: int) -> None:
    """Serve until the parent closes its connection."""
    os.set_inheritable(line, False)  # what the backend starts must not keep the line open when this process has ended
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log_to_stdout(logging)
    serve_backend(socket.socket(fileno=line), backend)


def backend(setup: BackendConfig) -> SecretsBackend:
    """Make the backend; it is imported only if its manifest knows the options.

    Raises:
        ConfigError: It does not take the options.
        PenstockError: It is not installed, cannot be imported, or is no secrets backend.
    """
    sources = decode_json(setup.plugins, PluginSources)
    host = sources.host()
    limit_memory(sources.memory_mb)
    problems = argument_problems(host.capability(setup.capability), setup.options)
    if problems:
        raise ConfigError(f"[secrets.{setup.name}]: {'; '.join(problems)}")
    made: SecretsBackend = host.resolve(setup.capability, "secrets_backends")(**setup.options)
    return made


if __name__ == "__main__":
    main(int(sys.argv[1]))
