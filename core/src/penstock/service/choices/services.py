"""Operations on services: those of ``[services]``, and those that are always kept."""

import re
from datetime import datetime

import msgspec

from penstock.keeper.status import FOLDER, ServiceState, StatusFiles
from penstock.model.access.permission import Permission
from penstock.plugins.host import PluginHost
from penstock.plugins.isolated import isolated_pythons
from penstock.service.choices.problems import choice_problems
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.settings import ServiceChoice, Settings


class ServiceSummary(msgspec.Struct, frozen=True):
    """A service and how it fares on this machine.

    Attributes:
        type: Capability id of the service.
        state: `penstock.keeper.status.ServiceState`, ``down`` while no ``penstock up`` keeps it, or ``off`` if its table says so.
        detail: What it has reported last, or how it ended last while it waits for its next start.
        pid: Its process; None while there is none.
        since: When that was started, or had ended.
        ends: How often its process has ended since ``penstock up`` started.
        log: Where what it prints is written.
        problems: What is wrong with its entry in the settings.
    """

    name: str
    type: str
    state: str
    detail: str
    pid: int | None
    since: datetime | None
    ends: int
    log: str
    problems: tuple[str, ...] = ()


DOWN, OFF = "down", "off"

_SECRET_OF_LINK = re.compile(r"(?<=#)\S+")
"""What stands behind the ``#`` of a link, such as that which makes the first admin: only who may make one sees it."""


def chosen_services(settings: Settings, host: PluginHost) -> dict[str, ServiceChoice]:
    """The services of an installation by their names: those of the settings, and those that are always kept.

    One of the latter that no table of the settings has as its type is named as the second half of its id, or, where that is taken, as
    all of it with ``_`` for the dot.
    """
    found = dict(settings.services)
    types = {each.type for each in found.values()}
    for each in host.capabilities("services", mention="always"):
        if each.always and each.id not in types:
            short = each.id.partition(".")[2]
            found[each.id.replace(".", "_") if short in found else short] = ServiceChoice(each.id)
    return found


def service_problems(settings: Settings, host: PluginHost, chosen: ServiceChoice) -> list[str]:
    """Say why a service cannot be kept as it is chosen, a sentence each; nothing of it is imported."""
    problems = choice_problems(host, "services", chosen.type, chosen.options)
    provider = chosen.type.partition(".")[0]
    if (
        not problems
        and host.capability(chosen.type).installation
        and provider in isolated_pythons(settings.isolated_file)
    ):
        problems.append(
            f"{chosen.type} is given the whole installation, which a provider in an environment of its own cannot have: "
            f"its versions of Penstock's requirements may be others. Take it back with: plugin-manager isolate --undo {provider}"
        )
    return problems


@operation("GET", "/services", needs=Permission.INSTALLATION_READ)
def list_services(installation: Installation) -> list[ServiceSummary]:
    """List the services of the installation; raises ConfigError."""
    settings, found = installation.settings, []
    files = StatusFiles(settings.state_folder)
    services = chosen_services(settings, installation.host)
    held = bool(services) and files.held
    for name, chosen in services.items():
        status = files.read(name) if held and chosen.enabled else None
        problems = service_problems(settings, installation.host, chosen)
        log = str(settings.logs_folder / FOLDER / f"{name}.log")
        if status is None:
            state = DOWN if chosen.enabled else OFF
            found.append(ServiceSummary(name, chosen.type, state, "", None, None, 0, log, tuple(problems)))
            continue
        detail = status.last_end if status.state is ServiceState.WAITING else status.detail
        if not installation.may(Permission.USERS_WRITE):
            detail = _SECRET_OF_LINK.sub("...", detail)
        found.append(
            ServiceSummary(
                name,
                chosen.type,
                status.state.value,
                detail,
                status.pid,
                status.since,
                status.ends,
                log,
                tuple(problems),
            )
        )
    return found
