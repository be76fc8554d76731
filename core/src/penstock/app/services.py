"""Main of the keeper's process."""

import os
import sys
import time
from collections.abc import Callable
from functools import cached_property

import msgspec

from penstock.app import provider_service
from penstock.app.parts.environments import plugin_sources
from penstock.app.parts.vault import answer
from penstock.app.service_main import run_service
from penstock.errors import PenstockError
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
    answers = _Answers(installation)
    ports = KeeperPorts(answers.reply, time.monotonic, installation.now, _log, files.write)
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
        forked = (answers.main,) if given else ()
        services.append(KeptService(command, config, chosen.report_s, chosen.stop_s, log, ports, *forked))
    return Keeper(services, time.monotonic)


def _is_given_all(installation: Installation, chosen: ServiceChoice) -> bool:
    """Whether a service is one of those that are given the whole installation."""
    try:
        return installation.host.capability(chosen.type).installation
    except PenstockError:
        return False  # its process says what is wrong with it


class _Answers:
    """What answers a service: as any code of a provider, and how many tries run on this machine."""

    def __init__(self, installation: Installation) -> None:
        self._installation, self._opened = installation, False
        self._here = [name for name, chosen in installation.settings.executors.items() if not chosen.provided]

    def main(self) -> Callable[[int], int] | None:
        """What the process of a service is, if this one can be forked for it: it cannot once it has answered, for the database is open.

        One that is given the whole installation imports what this process has imported: two thirds of its start.
        """
        return None if self._opened else provider_service.run

    def reply(self, ask: Ask) -> Reply:
        self._opened = True
        try:
            if ask.method != "running_tries":
                return self._of_vault(ask)
            return Reply(self._installation.store.runs.open_tries(self._here))
        except PenstockError as error:  # what it asks for is not to be had now; the service lives on, and may ask again
            return refusal(error)

    @cached_property
    def _of_vault(self) -> Callable[[Ask], Reply]:
        return answer(self._installation.vault, "a service")


def _log(line: str) -> None:
    write_line(f"services: {line}")
