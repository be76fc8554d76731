"""Main of the process of a service: ``python -m penstock.app.provider_service LINE``, the number of a descriptor."""

import logging
import os
import signal
import socket
import sys
from typing import NoReturn

from penstock.decoders import decode_json
from penstock.errors import ConfigError
from penstock.keeper.kept_service import ServiceConfig
from penstock.keeper.service_process import run_service_process
from penstock.plugins.sources import PluginSources
from penstock.processes.log_lines import log_to_stdout
from penstock.spec.service import Service
from penstock_manifest.arguments import argument_problems


def run(line: int) -> NoReturn:
    """Be the process of the service, and end with it."""
    code = main(line)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads that the service left behind must not keep the process


def main(line: int) -> int:
    """Run the service; returns the exit code."""
    os.set_inheritable(line, False)  # what the service starts must not keep the line open when this process has ended
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log_to_stdout(logging)
    return run_service_process(socket.socket(fileno=line), service)


def service(config: ServiceConfig) -> Service:
    """Make the service; it is imported only if its manifest knows the options.

    Raises:
        ConfigError: It does not take the options.
        PenstockError: It is not installed, cannot be imported, or is no service.
    """
    host = decode_json(config.plugins, PluginSources).host()
    problems = argument_problems(host.capability(config.capability), config.options)
    if problems:
        raise ConfigError(f"[services.{config.name}]: {'; '.join(problems)}")
    made: Service = host.resolve(config.capability, "services")(**config.options)
    return made


if __name__ == "__main__":
    run(int(sys.argv[1]))
