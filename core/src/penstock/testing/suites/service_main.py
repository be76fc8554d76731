"""Main of the process of a service under test: ``python -m penstock.testing.suites.service_main PATH LINE``."""

import json
import os
import socket
import sys
from importlib import import_module
from operator import attrgetter
from typing import Any

from penstock.keeper.kept_service import ServiceConfig
from penstock.keeper.service_process import run_service_process


def _made(config: ServiceConfig) -> Any:  # noqa: ANN401 - a Service
    module, _, name = config.capability.partition(":")
    return attrgetter(name)(import_module(module))(**config.options)


if __name__ == "__main__":
    sys.path[:] = json.loads(sys.argv[1])
    os.set_inheritable(int(sys.argv[2]), False)
    code = run_service_process(socket.socket(fileno=int(sys.argv[2])), _made)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
