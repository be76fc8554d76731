"""Main of the keeper's process."""

import os
import sys
import time
from collections.abc import Callable

import msgspec

from penstock.app.parts.environments import plugin_sources
from penstock.app.parts.vault import answer
from penstock.app.service_main import run_service
from penstock.errors import PenstockError, StoreError
from penstock.keeper.keeper import Keeper
from penstock.keeper.kept_service import KeeperPorts, KeptService, ServiceConfig
from penstock.keeper.status import FOLDER, StatusFiles
from penstock.plugins.isolated import isolated_pythons
from penstock.service.choices.services import chosen_services, service_problems
from penstock.service.installation import Installation
from penstock.settings import ServiceChoice
from penstock.spec.wire import Ask, Reply
from penstock.terminal import write_line
from penstock.tries.asks import refusal


def main() -> int:
    """Keep services alive until SIGTERM; the exit code is 5 if the installation is wrong."""

    def run(installation: Installation, stop: int) -> None:
        files = StatusFiles(installation.settings.state_folder)
        lock = files.hold(stop)
        if lock is None:
            return
        try:
            keeper(installation, files).run(stop)
        finally:
            os.close(lock)

    return run_service("services", run)


def keeper(installation: Installation, files: StatusFiles) -> Keeper:
    """The keeper of an installation: the service of an isolated provider is run by its own environment's Python."""
    settings = installation.settings
    pythons = isolated_pythons(settings.isolated_file)
    ports = KeeperPorts(_answer(installation), time.monotonic, installation.now, _log, files.write)
    services = []
    for name, chosen in chosen_services(settings, installation.host).items():
        if not chosen.enabled:
            continue
        given = _is_given_all(installation, chosen)
        if given and (problems := service_problems(settings, installation.host, chosen)):
            _log(f"[services.{name}]: {'; '.join(problems)}")
            continue
        isolated = pythons.get(chosen.type.partition(".")[0])
        plugins = msgspec.json.encode(plugin_sources(settings, isolated=isolated is not None)).decode()
        folder = str(files.own_folder(name).absolute())
        config = ServiceConfig(name, chosen.type, chosen.options, plugins, folder, given)
        command = [isolated or sys.executable, "-P", "-m", "penstock.app.provider_service"]
        log = settings.logs_folder / FOLDER / f"{name}.log"
        services.append(KeptService(command, config, chosen.report_s, chosen.stop_s, log, ports))
    return Keeper(services, time.monotonic)


def _is_given_all(installation: Installation, chosen: ServiceChoice) -> bool:
    """Whether a service is one of those that are given the whole installation."""
    try:
        return installation.host.capability(chosen.type).installation
    except PenstockError:
        return False  # its process says what is wrong with it


def _answer(installation: Installation) -> Callable[[Ask], Reply]:
    """What answers a service: as any code of a provider, and how many tries run on this machine."""
    of_vault = answer(installation.vault, "a service")
    here = [name for name, chosen in installation.settings.executors.items() if not chosen.provided]

    def reply(ask: Ask) -> Reply:
        if ask.method != "running_tries":
            return of_vault(ask)
        try:
            return Reply(installation.store.runs.open_tries(here))
        except StoreError as error:
            return refusal(error)

    return reply


def _log(line: str) -> None:
    write_line(f"services: {line}")
