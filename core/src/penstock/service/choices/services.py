"""Operations on the services of ``[services]``."""

from datetime import datetime

import msgspec

from penstock.keeper.status import FOLDER, ServiceState, StatusFiles
from penstock.service.choices.problems import choice_problems
from penstock.service.installation import Installation


class ServiceSummary(msgspec.Struct, frozen=True):
    """A service and how it fares on this machine.

    Attributes:
        type: Capability id of the service.
        state: `penstock.keeper.status.ServiceState`, or ``down`` while no ``penstock up`` keeps it.
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


DOWN = "down"


def list_services(installation: Installation) -> list[ServiceSummary]:
    """List the services of the settings; raises ConfigError."""
    settings, found = installation.settings, []
    files = StatusFiles(settings.state_folder)
    held = bool(settings.services) and files.held
    for name, chosen in settings.services.items():
        status = files.read(name) if held else None
        problems = choice_problems(installation.host, "services", chosen.type, chosen.options)
        log = str(settings.logs_folder / FOLDER / f"{name}.log")
        if status is None:
            found.append(ServiceSummary(name, chosen.type, DOWN, "", None, None, 0, log, tuple(problems)))
            continue
        detail = status.last_end if status.state is ServiceState.WAITING else status.detail
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
