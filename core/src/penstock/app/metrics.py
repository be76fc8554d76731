"""Main of the process of the metrics sinks."""

import os

from penstock.app.service_main import run_service
from penstock.author.runtime import current
from penstock.errors import ConfigError, ExitCode
from penstock.metrics.collector import Collector
from penstock.metrics.labels import Labels
from penstock.metrics.recorder import PIPE
from penstock.metrics.scrape import PrometheusSink
from penstock.metrics.sink_faults import SinkFaults
from penstock.model.names import error_reason
from penstock.model.secret import secrets_in
from penstock.service.choices.problems import choice_problems
from penstock.service.figures.figures import FigureReader
from penstock.service.installation import Installation
from penstock.settings.metrics import ScrapeSettings, SinkChoice, scrape_settings
from penstock.spec.metrics_sink import MetricsSink
from penstock.terminal import write_line
from penstock.tries.store_runtime import StoreRuntime


def main() -> int:
    """Give metrics to the sinks until SIGTERM; the exit code is 5 if the installation is wrong."""

    def run(installation: Installation, stop: int) -> None:
        collector(installation).run(stop)
        os._exit(ExitCode.DONE)  # a sink that does not return would keep the process

    return run_service("metrics", run)


def collector(installation: Installation) -> Collector:
    """The process of the sinks of an installation; one that cannot be made is told, and left out.

    Raises:
        ConfigError: The state folder takes no pipe.
    """
    settings = installation.settings
    runtime = StoreRuntime(installation.vault)
    faults = SinkFaults(settings.state_folder, _log, runtime.mask)
    current.set(runtime)
    sinks: dict[str, MetricsSink] = {}
    for name, chosen in settings.metrics_sinks.items():
        runtime.mask.learn(secrets_in(chosen.options))
        try:
            sinks[name] = _made(installation, name, chosen)
        except BaseException as error:  # noqa: BLE001 - a provider's code may raise anything, SystemExit too
            faults.add(name, f"it cannot be made: {error_reason(error)}", installation.now())
    try:
        return Collector(
            settings.state_folder / PIPE, sinks, settings.metrics.interval_s, installation.clock.read, faults,
            Labels(settings.metrics.most_labels),
        )  # fmt: skip
    except OSError as error:
        raise ConfigError(f"{settings.state_folder / PIPE}: the pipe cannot be made: {error.strerror}.") from None


def _made(installation: Installation, name: str, chosen: SinkChoice) -> MetricsSink:
    if not chosen.provided:
        return _scraped(installation, scrape_settings(name, chosen))
    problems = choice_problems(installation.host, "metrics_sinks", chosen.type, chosen.options)
    if problems:
        raise ConfigError("; ".join(problems))
    made: MetricsSink = installation.host.resolve(chosen.type, "metrics_sinks")(**chosen.options)
    return made


def _scraped(installation: Installation, where: ScrapeSettings) -> MetricsSink:
    figures = FigureReader(installation, installation.settings.metrics.most_labels)
    try:
        return PrometheusSink(
            where.host,
            where.port,
            lambda measured, openmetrics: figures.text(measured, openmetrics=openmetrics),
        )
    except OSError as error:
        place = f"{where.host}:{where.port}"
        raise ConfigError(f"it cannot listen on {place}: {error.strerror}. Give it another host or port.") from None


def _log(line: str) -> None:
    write_line(f"metrics: {line}")
