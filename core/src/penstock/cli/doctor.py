"""``penstock doctor``: what is wrong with this installation, and what to do."""

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import click

from penstock import __version__
from penstock.app.compose import open_store
from penstock.app.environments import plugin_host
from penstock.cli.installation import settings_of
from penstock.cli.listeners import concerns, listeners
from penstock.cli.output import json_option, print_json
from penstock.errors import PenstockError
from penstock.settings import Settings

_MARKS = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "bad": ("BAD ", "red")}


class Finding(NamedTuple):
    """One thing that was looked at: ``ok``, worth a ``note``, or ``bad``."""

    verdict: str
    subject: str
    detail: str


@click.command()
@json_option
@click.pass_context
def doctor(context: click.Context, *, as_json: bool) -> int:
    """Look for what is wrong with this installation; exit code 1 if anything is."""
    findings: list[Finding] = [Finding("ok", "penstock", f"{__version__} on Python {sys.version.split()[0]}")]
    try:
        settings = settings_of(context)
    except PenstockError as error:
        findings.append(Finding("bad", "settings", str(error)))
    else:
        verdict = "ok" if settings.file else "note"
        findings.append(Finding(verdict, "settings", str(settings.file or "no penstock.toml here or above")))
        for look in (_folders, _database, _providers):
            findings += _fenced(look, settings)
    if as_json:
        print_json([finding._asdict() for finding in findings])
    for finding in () if as_json else findings:
        mark, colour = _MARKS[finding.verdict]
        click.echo(f"{click.style(mark, fg=colour)}  {finding.subject}: {finding.detail}")
    return 1 if any(finding.verdict == "bad" for finding in findings) else 0


def _fenced(look: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    try:
        yield from look(settings)
    except PenstockError as error:
        yield Finding("bad", look.__name__.strip("_"), str(error))


def _folders(settings: Settings) -> Iterator[Finding]:
    dags = settings.dags_folder
    if not dags.is_dir():
        yield Finding("bad", "DAGs folder", f"{dags} does not exist. Make it, or name another in [core] dags_folder.")
    elif not os.access(dags, os.R_OK | os.X_OK):
        yield Finding("bad", "DAGs folder", f"{dags} cannot be read by this user.")
    else:
        yield Finding("ok", "DAGs folder", str(dags))
    state = settings.state_folder
    if not state.is_dir():
        yield Finding("note", "state folder", f"{state} does not exist yet; it is made on first use.")
    elif not os.access(state, os.W_OK | os.X_OK):
        yield Finding("bad", "state folder", f"{state} cannot be written by this user.")
    else:
        space = os.statvfs(state)
        free_mb = space.f_bavail * space.f_frsize // 2**20
        verdict = "ok" if free_mb > 500 else "bad"
        yield Finding(verdict, "state folder", f"{state}, {free_mb:,} MB free")


def _database(settings: Settings) -> Iterator[Finding]:
    if not settings.database.url and not (settings.state_folder / "penstock.db").exists():
        yield Finding("note", "database", "there is none yet; `penstock init` or `penstock up` makes it.")
        return
    with open_store(settings, create=False) as store:
        built_in = "" if settings.database_url.startswith("postgresql") else f" (SQLite {sqlite3.sqlite_version})"
        yield Finding("ok", "database", f"{store.name}{built_in}")
        store.config.connections()
        store.config.variables()
        yield Finding("ok", "secrets", "the key opens every connection and variable")
        holder = store.leader_lock.holder()
        if holder is None:
            yield Finding("note", "scheduler", "none is running; start it with `penstock up`")
        else:
            since = f"{holder.since:%Y-%m-%d %H:%M:%S} UTC"
            yield Finding("ok", "scheduler", f"{holder.holder}, process {holder.pid} on {holder.host}, since {since}")
        broken = store.dags.problems()
        if broken:
            yield Finding("bad", "DAG files", f"{', '.join(broken)} cannot be imported: penstock dags errors")
        else:
            yield Finding("ok", "DAG files", f"{len(store.dags.ids())} DAGs, no file with problems")


def _providers(settings: Settings) -> Iterator[Finding]:
    found = plugin_host(settings).providers()
    for provider in found:
        for problem in provider.problems:
            yield Finding("bad", f"provider {provider.id}", problem)
    for id_, row in listeners(settings, found).items():
        for concern in concerns(row):
            yield Finding("bad" if row.broken else "note", f"provider {id_}", concern)
    active = [provider.id for provider in found if provider.active]
    yield Finding("ok", "providers", ", ".join(active) or "none installed")
