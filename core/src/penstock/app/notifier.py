"""Main of the notifier's process."""

import select
import sys
import time
from functools import partial

from penstock.alerts.trouble import Trouble
from penstock.app.parts.environments import listening
from penstock.app.parts.executors import place_of
from penstock.app.parts.metrics_recorder import recorder
from penstock.app.service_main import run_service
from penstock.logs.log_names import log_name
from penstock.notify.alerts.alert_watch import AlertWatch
from penstock.notify.alerts.channel_process import LOG
from penstock.notify.alerts.channels import ChannelPorts, Channels, Limits
from penstock.notify.alerts.composer import Composer, Sources
from penstock.notify.alerts.health import Health
from penstock.notify.alerts.lateness import Clocks, Lateness
from penstock.notify.alerts.log_tails import LogTailPorts, LogTails
from penstock.notify.answers import Answers
from penstock.notify.delivery import Ports
from penstock.notify.listeners import Listeners
from penstock.notify.notifier_loop import NotifierLoop, Part
from penstock.plugins.isolated import isolated_pythons
from penstock.service.alerts.channel_command import channel_command, log_reader_command
from penstock.service.alerts.rules import site_rules
from penstock.service.doctor.finding import Severity
from penstock.service.health import DAG_FILES, check_installation
from penstock.service.installation import Installation
from penstock.store import ALERTS
from penstock.terminal import write_line
from penstock.tries.asks import Asks, provider_search

LISTENER_LOG = "listeners.log"

_LOOKS_S = 1.0
"""Seconds between two looks of a notifier while the scheduler works on another machine."""


def main() -> int:
    """Deliver notices to listeners, and alerts to their channels, until SIGTERM; the exit code is 5 if the installation is wrong."""

    def run(installation: Installation, stop: int) -> None:
        here = place_of(installation.settings)
        while not installation.store.role.follow(here):
            if select.select([stop], [], [], _LOOKS_S)[0]:
                return
        notifier(installation).run(stop)

    return run_service("notifier", run)


def notifier(installation: Installation) -> NotifierLoop:
    """The notifier of an installation: an isolated provider's code is loaded by its own environment's Python."""
    settings, store = installation.settings, installation.store
    pythons = isolated_pythons(settings.isolated_file)
    commands = {
        provider: [
            *(pythons.get(provider, sys.executable), "-P", "-m", "penstock.app.listener", provider, module),
            str(settings.root.absolute()) if module in settings.plugins.modules else "",
            str(settings.loader.memory_mb),
        ]
        for provider, module in listening(settings).items()
    }
    store.outbox.register([ALERTS, *sorted(commands)])
    answers = Answers(installation.vault.backends)
    listened = answers.by(lambda ask: provider_search(installation.vault, "a plugin module", ask))
    ports = Ports(settings.notifier.timeout_s, listened, time.monotonic, installation.now, _log, recorder(settings))
    listeners = Listeners(store, commands, settings.logs_folder / LISTENER_LOG, ports)
    rules = site_rules(settings)
    clocks = Clocks(time.monotonic, installation.now)
    lateness, health = Lateness(store, rules, clocks), Health(store, rules, clocks, lambda: _troubles(installation))
    watch = AlertWatch(store, rules, lateness.begun, _log)
    parts: list[Part] = [answers, listeners, watch, lateness, health, *_alert_parts(installation, answers)]
    return NotifierLoop(store, parts, time.monotonic, _log)


def _troubles(installation: Installation) -> list[Trouble]:
    """What `penstock doctor` calls bad, DAG files left aside, which have alerts of their own."""
    found: dict[str, list[str]] = {}
    for each in check_installation(installation):
        if each.severity is Severity.BAD and each.subject != DAG_FILES:
            found.setdefault(each.subject, []).append(each.detail)
    return [Trouble(subject, "\n".join(details)) for subject, details in found.items()]


def _alert_parts(installation: Installation, answers: Answers) -> list[Part]:
    """What sends alerts, and what reads the ends of logs for it."""
    settings, store, vault = installation.settings, installation.store, installation.vault
    folder, log = settings.logs_folder.absolute(), settings.logs_folder / LOG
    asks = Asks(store, installation.clock, vault)
    answer = answers.by(lambda ask: provider_search(vault, "a notifier", ask))
    name_of = partial(log_name, store.logs.identity(), folder) if settings.logs.store else None
    tails = LogTails(
        settings.alerts.log_lines,
        LogTailPorts(
            name_of,
            log_reader_command(),
            log,
            answers.by(lambda ask: provider_search(vault, "a log store", ask)),
            time.monotonic,
        ),
    )
    sources = Sources(
        folder,
        tails.of,
        settings.alerts.base_url,
        answer,
        lambda key: answers.by(partial(asks.begin, key, 0)),  # a callback is no try
    )
    limits = Limits(
        settings.alerts.window_s, settings.alerts.singly, settings.alerts.expire_s, settings.alerts.timeout_s
    )  # fmt: skip
    ports = ChannelPorts(
        partial(channel_command, settings), Composer(store, sources), log, time.monotonic, installation.now, _log
    )  # fmt: skip
    return [tails, Channels(store, limits, ports)]


def _log(line: str) -> None:
    write_line(f"notifier: {line}")
