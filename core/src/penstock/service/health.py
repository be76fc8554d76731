"""What is wrong with an installation, and what to do."""

import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from penstock import __version__
from penstock.errors import ConfigError, PenstockError
from penstock.keeper.status import ServiceState
from penstock.load.integrity import damaged_files
from penstock.logs.shipping_report import read_report
from penstock.metrics.sink_faults import read_sink_faults
from penstock.model.names import error_reason
from penstock.model.text import counted, visible
from penstock.scheduler.executor_faults import NOT_MADE, ExecutorFaults
from penstock.service.alerts.alerts import list_alerts
from penstock.service.assets.watchers import all_statuses
from penstock.service.choices.executors import list_executors
from penstock.service.choices.problems import choice_problems, executor_problems
from penstock.service.choices.services import DOWN, chosen_services, list_services
from penstock.service.choices.task_bounds import why_unheld
from penstock.service.config.pools import list_pools
from penstock.service.doctor.clocks import check_clocks
from penstock.service.doctor.finding import Finding, Severity
from penstock.service.doctor.folders import check_folders
from penstock.service.doctor.value_store import check_value_store
from penstock.service.execution.log_folder import split_logs
from penstock.service.figures.bottlenecks import bottlenecks
from penstock.service.figures.figures import scheduler_health
from penstock.service.figures.late import late_listeners, slow_imports
from penstock.service.installation import Installation
from penstock.service.operations.page import MOST, every, pages
from penstock.service.providers import concerns, list_providers
from penstock.service.schedulers.schedulers import described, list_schedulers
from penstock.settings import ServiceChoice

_NOWHERE = "penstock-doctor"
"""Id of a connection that nobody has: a backend that says so is well."""
DAG_FILES = "DAG files"
"""Subject of what is found of the imports of DAG files."""


def program() -> Finding:
    """Tell the version of Penstock and of Python."""
    return Finding(Severity.OK, "penstock", f"{__version__} on Python {sys.version.split()[0]}")


def check_installation(installation: Installation) -> list[Finding]:
    """Look at the settings, the folders, the database and the providers; a part that fails is a finding."""
    file = installation.settings.file
    severity = Severity.OK if file else Severity.NOTE
    found = [Finding(severity, "settings", str(file or "no penstock.toml here or above"))]
    for subject, check in (
        ("folders", check_folders),
        ("snapshots", _snapshots),
        ("database", _database),
        ("clock", check_clocks),
        ("pools", _pools),
        ("bottleneck", _bottlenecks),
        ("lag", _lags),
        ("executors", _executors),
        ("large values", check_value_store),
        ("secrets", _secrets),
        ("log store", _log_store),
        ("services", _services),
        ("metrics", _metrics),
        ("providers", _providers),
        ("alerts", _alerts),
        ("watchers", _watchers),
    ):
        found += _fenced(subject, check, installation)
    return list(_each_once(found))


def _each_once(found: Sequence[Finding]) -> Iterator[Finding]:
    """Tell a fault that keeps several checks from their work where it is found first, with what else fails by it."""
    subjects: dict[str, list[str]] = {}
    for each in found:
        if each.severity is Severity.BAD and each.subject not in (same := subjects.setdefault(each.detail, [])):
            same.append(each.subject)
    for each in found:
        same = subjects.pop(each.detail, []) if each.severity is Severity.BAD else [each.subject]
        if len(same) > 1:
            yield each._replace(detail=f"{len(same)} checks fail ({', '.join(same)}): {each.detail}")
        elif same:
            yield each


def _fenced(
    subject: str, check: Callable[[Installation], Iterator[Finding]], installation: Installation
) -> Iterator[Finding]:
    try:
        yield from check(installation)
    except PenstockError as error:
        yield Finding(Severity.BAD, subject, str(error))


def _snapshots(installation: Installation) -> Iterator[Finding]:
    """A copy of the DAGs folder that was changed after it was made: runs would run what their author never wrote."""
    damaged: dict[tuple[str, ...], list[Path]] = {}
    for folder, files in damaged_files(installation.settings.state_folder):
        damaged.setdefault(files, []).append(folder)
    for files, (folder, *more) in damaged.items():
        what = f"{', '.join(files[:5])}{', ...' * (len(files) > 5)} in it" if files else "its list of files"
        which = f"{folder} and {len(more):,} more are" if more else f"{folder} is"
        detail = (
            f"{which} damaged: {what} was changed after the copy was made. Restart `penstock up`, which mends the copy of the "
            "present DAGs folder; of an older one, delete the folder, and clear its runs with --code newest."
        )
        yield Finding(Severity.BAD, "snapshots", visible(detail))


def _database(installation: Installation) -> Iterator[Finding]:
    if installation.lost_database:
        detail = "its file was deleted. Put it back from a backup; or end `penstock up`, if it still runs, and begin anew with it."
        yield Finding(Severity.BAD, "database", detail)
        return
    if not installation.has_database:
        detail = "there is none yet; `penstock init` or `penstock up` makes it."
        yield Finding(Severity.NOTE, "database", detail)
        return
    store = installation.store
    server = installation.settings.database_url.startswith("postgresql")
    built_in = "" if server else f" (SQLite {sqlite3.sqlite_version})"
    yield Finding(Severity.OK, "database", f"{store.name}{built_in}")
    store.config.connections()
    store.config.variables()
    yield Finding(Severity.OK, "secrets", "the key opens every connection and variable")
    found = list_schedulers(installation)
    if not found:
        yield Finding(Severity.NOTE, "scheduler", "none is running; start it with `penstock up`")
    health = scheduler_health(installation)
    if found and health.problem and health.silent_s is not None:
        yield Finding(Severity.BAD, "scheduler", health.problem)
    for row in found:
        severity = Severity.OK if row.draining_since is None else Severity.NOTE
        yield Finding(severity, "scheduler", described(row, alone=len(found) == 1))
    for each in store.quarantine.all():
        detail = f"{each.subject}: {each.kind.fate}: {each.reason} See: penstock quarantine list"
        yield Finding(Severity.BAD, "quarantine", detail)
    broken = [file for file, found in store.dags.problems().items() if found.problems]
    if broken:
        yield Finding(Severity.BAD, DAG_FILES, f"{', '.join(broken)} cannot be imported: penstock dags errors")
    else:
        yield Finding(Severity.OK, DAG_FILES, f"{counted(len(store.dags.ids()), 'DAG')}, no file with problems")


def _pools(installation: Installation) -> Iterator[Finding]:
    """A pool that does not exist, is closed or is too small: what waits for it would wait for ever."""
    if not installation.has_database:
        return
    found = list(every(lambda after: list_pools(installation, after=after, limit=MOST)))
    for pool in found:
        if pool.problem:
            yield Finding(Severity.BAD, f"pool {pool.name}", pool.problem)
        elif pool.slots == 0:
            yield Finding(Severity.NOTE, f"pool {pool.name}", "it is closed, with 0 slots; nothing waits for it now")
    used, slots = sum(pool.used for pool in found), sum(pool.slots or 0 for pool in found)
    yield Finding(
        Severity.OK, "pools", f"{used} of {slots} slots in use, tasks that wait: {sum(p.waiting for p in found)}"
    )


def _bottlenecks(installation: Installation) -> Iterator[Finding]:
    """What has held tasks up in the last day."""
    if installation.has_database:
        for found in bottlenecks(installation):
            yield Finding(Severity.NOTE, "bottleneck", f"in the last day, {found}")


def _lags(installation: Installation) -> Iterator[Finding]:
    """Listeners that are behind, and DAG files whose import is slow."""
    if installation.has_database:
        counts = installation.store.figures.counts()
        for found in (*late_listeners(counts.untold, installation.now()), *slow_imports(counts.imports_s)):
            yield Finding(Severity.NOTE, "lag", visible(found))


def _executors(installation: Installation) -> Iterator[Finding]:
    """An executor that no installed provider offers, or that refuses its options: its tries would wait for ever."""
    for each in list_executors(installation):
        chosen, subject = installation.settings.executors.get(each.name), f"executor {each.name}"
        if chosen is None:
            detail = f"[executors] names it no more; the tries that it holds, {each.held}, are lost when the scheduler starts"
            yield Finding(Severity.NOTE, subject, detail)
            continue
        problems = []
        if chosen.provided:
            refused = executor_problems(installation.host, each.name, chosen.type, chosen.options)
            problems = [f"[executors.{each.name}]: {problem}" for problem in refused]
            faults, over = ExecutorFaults(installation.settings.state_folder, each.name).over()
            untold = [fault for fault in faults if not any(problem.rstrip(".") in fault for problem in refused)]
            problems += [f"since its scheduler started: {visible(fault)}{_again(fault)}" for fault in untold]
            for fault in over:
                yield Finding(Severity.NOTE, f"earlier at {subject}", f"it is over that {visible(fault)}")
        for problem in problems:
            yield Finding(Severity.BAD, subject, problem)
        if not problems:
            capacity = "" if each.capacity is None else f" of {each.capacity}"
            detail = f"{each.type}, holds {each.held}{capacity} tries, tasks that wait: {each.waiting}"
            more = "; none of its workers takes tries: see `penstock workers list`" if each.capacity == 0 else ""
            yield Finding(Severity.NOTE if more and each.waiting else Severity.OK, subject, detail + more)
    if unheld := why_unheld(installation):
        yield Finding(Severity.NOTE, "resources", unheld)


def _again(fault: str) -> str:
    """What is to be done about an executor that could not be made, and may be by now."""
    return " Once that is mended, start `penstock up` again." if NOT_MADE in fault else ""


def _secrets(installation: Installation) -> Iterator[Finding]:
    """A secrets backend that no installed provider offers, that refuses its options, or that does not answer."""
    for backend in installation.vault.backends:
        chosen, subject = installation.settings.secrets_backends[backend.name], f"secrets {backend.name}"
        problems = choice_problems(installation.host, "secrets_backends", chosen.type, chosen.options)
        for problem in problems:
            yield Finding(Severity.BAD, subject, f"[secrets.{backend.name}]: {problem}")
        if not problems:
            try:
                backend.connection(_NOWHERE)
                yield Finding(Severity.OK, subject, f"{chosen.type} answers")
            except ConfigError as error:
                yield Finding(Severity.BAD, subject, visible(f"{chosen.type}: {error}"))


def _log_store(installation: Installation) -> Iterator[Finding]:
    """Logs that servers split; a log store that nobody offers, or that does not take the logs: they would stay on this machine."""
    settings = installation.settings
    if installation.has_database and (
        split := split_logs(installation.store, settings.logs_folder, installation.now())
    ):
        yield Finding(Severity.BAD, "logs of workers", split)
    if not settings.logs.store:
        return
    installation.host.log_store(settings.logs.store, settings.logs.conn_id or None)
    report = read_report(settings.state_folder)
    if report is None or report.store != settings.logs.store:
        detail = f"{settings.logs.store}; `penstock up` has not shipped logs to it yet"
        yield Finding(Severity.NOTE, "log store", detail)
        return
    waiting = f"{report.waiting_mb:,} MB of {report.local_mb:,} MB on this machine are not shipped"
    if report.fault and report.since is not None:
        detail = f"{report.store} takes no logs since {report.since:%Y-%m-%d %H:%M:%S} UTC: {visible(report.fault)}; {waiting}"
        yield Finding(Severity.BAD, "log store", detail)
    else:
        yield Finding(Severity.BAD if report.over else Severity.OK, "log store", f"{report.store}, {waiting}")


def _services(installation: Installation) -> Iterator[Finding]:
    """A service that cannot be what its entry says, that ends again and again, or that says itself that it is not well."""
    services = chosen_services(installation.settings, installation.host)
    for each in list_services(installation):
        subject = f"service {each.name}"
        refusal = [] if each.problems or each.state != DOWN else _refusal(installation, services[each.name])
        for problem in (*each.problems, *refusal):
            yield Finding(Severity.BAD, subject, f"[services.{each.name}]: {problem}")
        if each.state == DOWN:
            yield Finding(Severity.NOTE, subject, "it does not run; `penstock up` starts it")
        else:
            bad = each.state in (ServiceState.WAITING, ServiceState.UNHEALTHY)
            detail = f"{each.type} is {each.state}" + (f": {each.detail}" if each.detail else "")
            more = f". See {each.log}" if bad else ""
            yield Finding(Severity.BAD if bad else Severity.OK, subject, visible(detail) + more)


def _refusal(installation: Installation, chosen: ServiceChoice) -> list[str]:
    """Why a service that is given the whole installation does not take its options: what they mean, its own class alone knows."""
    if not installation.host.capability(chosen.type).installation:
        return []
    try:
        installation.host.resolve(chosen.type, "services")(**chosen.options)
    except Exception as error:  # noqa: BLE001 - the fence: code of a provider may raise anything
        return [error_reason(error)]
    return []


def _watchers(installation: Installation) -> Iterator[Finding]:
    """A watcher of an asset that cannot see all of what it looks for: a file that comes there may be told of by nobody."""
    if not installation.has_database:
        return
    found = all_statuses(installation)
    for asset, watch, status in found:
        if status is None:
            detail = f"{watch.path}: nobody on this machine has looked yet; `penstock up` does"
            yield Finding(Severity.NOTE, f"asset {asset}", visible(detail))
        elif status.problem:
            yield Finding(Severity.BAD, f"asset {asset}", visible(f"{watch.path}: {status.problem}"))
    if found:
        yield Finding(Severity.OK, "watchers", f"{counted(len(found), 'watcher')} of assets")


def _alerts(installation: Installation) -> Iterator[Finding]:
    """A channel whose notifier is not installed or refuses its options; a rule without its channel; what is not delivered."""
    yield from _notifiers(installation)
    listed = list(pages(lambda after: list_alerts(installation, after=after, limit=MOST)))
    found, rules = listed[0], [rule for page in listed for rule in page.items]
    for rule in rules:
        if rule.problem:
            yield Finding(Severity.BAD, f"alerts of {rule.level} {rule.subject}", rule.problem)
    for channel in found.channels:
        if channel.failure:
            yield Finding(Severity.BAD, f"alert channel {channel.name}", visible(channel.failure))
    if found.given_up:
        detail = f"{counted(len(found.given_up), 'message')} of the last days will not be delivered. See: penstock alerts list"
        yield Finding(Severity.NOTE, "alerts", detail)
    if rules:
        detail = f"{counted(len(rules), 'rule')}, {counted(len(found.channels), 'channel')}"
        yield Finding(Severity.OK, "alerts", detail)


def _notifiers(installation: Installation) -> Iterator[Finding]:
    for name, chosen in installation.settings.notifiers.items():
        if chosen.provided:
            for problem in choice_problems(installation.host, "notifiers", chosen.type, chosen.options):
                yield Finding(Severity.BAD, f"alert channel {name}", f"[notifiers.{name}]: {problem}")


def _metrics(installation: Installation) -> Iterator[Finding]:
    """A metrics sink that no installed provider offers, that refuses its options, or that fails."""
    faults = read_sink_faults(installation.settings.state_folder)
    for name, chosen in installation.settings.metrics_sinks.items():
        subject, host = f"metrics {name}", installation.host
        problems = choice_problems(host, "metrics_sinks", chosen.type, chosen.options) if chosen.provided else []
        for problem in problems:
            yield Finding(Severity.BAD, subject, f"[metrics.{name}]: {problem}")
        if (found := faults.get(name)) and not problems:
            often = f"{counted(found.failed, 'failure')} since {found.since:%Y-%m-%d %H:%M:%S} UTC"
            yield Finding(Severity.BAD, subject, f"{often}: {visible(found.fault)}")
        elif not problems:
            yield Finding(Severity.OK, subject, chosen.type)


def _providers(installation: Installation) -> Iterator[Finding]:
    found = list_providers(installation)
    for each in found:
        for problem in each.problems:
            yield Finding(Severity.NOTE if each.disabled else Severity.BAD, f"provider {each.id}", problem)
        yield from (Finding(Severity.NOTE, f"provider {each.id}", note) for note in each.notes)
        for concern in concerns(each.listener) if each.listener else ():
            severity = Severity.BAD if each.listener and each.listener.broken else Severity.NOTE
            yield Finding(severity, f"provider {each.id}", concern)
    active = [each.id for each in found if each.active]
    yield Finding(Severity.OK, "providers", ", ".join(active) or "none installed")
