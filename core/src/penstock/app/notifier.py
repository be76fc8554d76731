"""Main of the notifier's process: ``python -m penstock.app.notifier``."""

import sys
import time
from collections.abc import Callable, Mapping

from penstock.alerts.rules import CALLBACK
from penstock.alerts.trouble import Trouble
from penstock.app.parts.environments import isolated_pythons, listening
from penstock.app.parts.metrics_recorder import recorder
from penstock.app.parts.vault import answer
from penstock.app.service_main import run_service
from penstock.errors import StoreUnavailableError
from penstock.model.dag import MAILTO
from penstock.model.run import TaskKey
from penstock.model.text import visible
from penstock.notify.alerts.alert_watch import AlertWatch
from penstock.notify.alerts.channels import ChannelPorts, Channels, Limits
from penstock.notify.alerts.composer import Composer, Style
from penstock.notify.alerts.health import Health
from penstock.notify.alerts.lateness import Clocks, Lateness
from penstock.notify.delivery import Ports
from penstock.notify.listeners import Listeners
from penstock.notify.notifier_loop import NotifierLoop, Part
from penstock.service.alerts.rules import site_rules
from penstock.service.health import DAG_FILES, Severity, check_installation
from penstock.service.installation import Installation
from penstock.spec.wire import Ask, Reply
from penstock.store import ALERTS
from penstock.tries.asks import Asks, answered
from penstock.tries.vault import finished

LOG, ALERT_LOG = "listeners.log", "alerts.log"


def main() -> int:
    """Deliver notices to listeners, and alerts to their channels, until SIGTERM; the exit code is 5 if the installation is wrong."""
    return run_service("notifier", lambda installation, stop: notifier(installation).run(stop))


def notifier(installation: Installation) -> NotifierLoop:
    """The notifier of an installation: an isolated provider's code is loaded by its own environment's Python."""
    settings, store = installation.settings, installation.store
    pythons = isolated_pythons(settings)
    commands = {
        provider: [
            *(pythons.get(provider, sys.executable), "-P", "-m", "penstock.app.listener", provider, module),
            str(settings.root.absolute()) if module in settings.plugins.modules else "",
        ]
        for provider, module in listening(settings).items()
    }
    store.outbox.register([ALERTS, *sorted(commands)])
    listened = answer(installation.vault, "a plugin module")
    ports = Ports(settings.notifier.timeout_s, listened, time.monotonic, installation.now, _log, recorder(settings))
    listeners = Listeners(store, commands, settings.logs_folder / LOG, ports)
    rules = site_rules(settings)
    clocks = Clocks(time.monotonic, installation.now)
    lateness, health = Lateness(store, rules, clocks), Health(store, rules, clocks, lambda: _troubles(installation))
    watch = AlertWatch(store, rules, lateness.begun, _log)
    parts: list[Part] = [listeners, watch, lateness, health, _channels(installation, pythons)]
    return NotifierLoop(store, parts, time.monotonic, _log)


def _troubles(installation: Installation) -> list[Trouble]:
    """What `penstock doctor` calls bad, DAG files left aside, which have alerts of their own."""
    found: dict[str, list[str]] = {}
    for each in check_installation(installation):
        if each.severity is Severity.BAD and each.subject != DAG_FILES:
            found.setdefault(each.subject, []).append(each.detail)
    return [Trouble(subject, "\n".join(details)) for subject, details in found.items()]


def _task_answer(asks: Asks) -> Callable[[TaskKey, Ask], Reply]:
    """What answers functions of a DAG file as their task would be answered."""

    def reply(key: TaskKey, ask: Ask) -> Reply:
        try:
            found = asks.begin(key, ask)
            return found if isinstance(found, Reply) else answered(finished, found)
        except StoreUnavailableError as error:
            return Reply(error=str(error), error_type=type(error).__name__)

    return reply


def _channels(installation: Installation, pythons: Mapping[str, str]) -> Channels:
    settings, store = installation.settings, installation.store
    asks = Asks(store, installation.clock, installation.vault)
    style = Style(settings.alerts.log_lines, settings.alerts.base_url)
    composer = Composer(
        store, settings.logs_folder, style, answer(installation.vault, "a notifier"), _task_answer(asks)
    )

    def command(name: str) -> list[str]:
        if name not in settings.notifiers and name.partition(":")[0] not in (MAILTO, CALLBACK):
            raise LookupError(f"there is no channel {name!r} in [notifiers] of penstock.toml")
        chosen = settings.notifiers.get(name)
        python = pythons.get(chosen.type.partition(".")[0], sys.executable) if chosen else sys.executable
        return [python, "-P", "-m", "penstock.app.alert_channel", name]

    limits = Limits(
        settings.alerts.window_s, settings.alerts.singly, settings.alerts.expire_s, settings.alerts.timeout_s
    )  # fmt: skip
    ports = ChannelPorts(
        command, composer, settings.logs_folder / ALERT_LOG, time.monotonic, installation.now, _log
    )  # fmt: skip
    return Channels(store, limits, ports)


def _log(line: str) -> None:
    print(visible(f"notifier: {line}"), file=sys.stderr, flush=True)  # noqa: T201 - the supervisor's terminal


if __name__ == "__main__":
    sys.exit(main())
