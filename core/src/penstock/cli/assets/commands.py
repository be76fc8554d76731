"""``penstock assets``."""

import click

from penstock.cli import names, requests
from penstock.cli.installation import project, remind_of_scheduler
from penstock.cli.page_options import page_options, print_next
from penstock.cli.terminal import (
    json_option,
    json_text,
    print_fields,
    print_json,
    print_line,
    print_table,
)
from penstock.model.assets.event import AssetEvent
from penstock.service.assets import assets as service
from penstock.service.assets.watchers import WatcherSummary
from penstock.service.operations.page import MOST, every


@click.group()
def assets() -> None:
    """Assets: who makes them, who waits for them, and their events."""


@assets.command("list")
@json_option
@click.pass_context
def list_assets(context: click.Context, *, as_json: bool) -> None:
    """List the assets that DAGs name."""
    with project(context) as installation:
        found = list(every(lambda after: service.list_assets(installation, after=after, limit=MOST)))
    if as_json:
        print_json(found)
        return
    rows = [
        (
            a.asset.uri,
            a.asset.group,
            ", ".join((*a.producers, *(f"files {path}" for path in a.watched))),
            ", ".join(a.consumers),
            None if a.last is None else a.last.at,
        )
        for a in found
    ]
    print_table(
        ["asset", "group", "made by", "awaited by", "last event"],
        rows,
        empty="no DAG names an asset: outlets= of a task or schedule= of a DAG does.",
    )


@assets.command("show")
@click.argument("asset", type=names.ASSET)
@json_option
@click.pass_context
def show_asset(context: click.Context, asset: str, *, as_json: bool) -> None:
    """Show an asset by its URI or name, and what each DAG that waits for it waits for."""
    with project(context) as installation:
        found = service.show_asset(installation, asset)
    if as_json:
        print_json(found)
        return
    summary = found.summary
    spec, last = summary.asset, summary.last
    print_fields(
        {
            "asset": spec.uri,
            "name": spec.name,
            "group": spec.group,
            "extra": json_text(spec.extra) if spec.extra else "",
            "made by": ", ".join(summary.producers),
            "read by": ", ".join(summary.readers),
            "last event": None if last is None else f"{last.number}, by {_source(last)}",
        }
    )
    if found.watchers:
        print_line("")
        _print_watchers(found.watchers)
    for wait in found.waits:
        print_line("")
        print_wait(wait)


@assets.command("events")
@click.argument("asset", type=names.ASSET, required=False)
@page_options
@json_option
@click.pass_context
def events(context: click.Context, asset: str | None, limit: int, after: str | None, *, as_json: bool) -> None:
    """Show events, of one asset or of all, newest first."""
    with project(context) as installation:
        page = service.list_events(installation, asset or "", after=after or "", limit=limit)
    if as_json:
        print_json(page)
        return
    rows = [
        (
            e.number,
            e.at,
            e.resolved or e.asset,
            _source(e),
            e.key or "",
            json_text(e.extra) if e.extra else "",
            e.duplicates or "",
        )
        for e in page.items
    ]
    print_table(["number", "at", "asset", "by", "key", "extra", "duplicates"], rows, empty="nothing has happened.")
    print_next(page.next)


@assets.command("event")
@click.argument("asset", type=names.ASSET)
@click.option("--extra", "carried", default=None, metavar="JSON", help="A JSON object that the event carries.")
@click.option("--key", type=names.PLAIN, default=None, help="Name of the event; the same name twice is one event.")
@requests.why_option
@json_option
@click.pass_context
def event(
    context: click.Context, asset: str, carried: str | None, key: str | None, *, why: str | None, as_json: bool
) -> None:
    """Tell of something that has happened to an asset outside of Penstock: DAGs that wait for it run."""
    given = requests.read_object(carried, "--extra")
    with project(context) as installation:
        done = service.report_event(installation, asset, extra=given, key=key or "", by=requests.asked_by(why))
        if as_json:
            print_json(done)
        elif done.duplicate:
            print_line(f"an event of {done.asset} with the key {done.key!r} is known already: this one changes nothing")
        else:
            print_line(f"told of an event of {done.asset}")
        remind_of_scheduler(installation)


def _print_watchers(found: list[WatcherSummary]) -> None:
    rows = []
    for each in found:
        status = each.status
        seen = ("", None, "") if status is None else (status.files, status.looked_at, status.problem or status.note)
        rows.append((each.watch.path, each.reported, each.last, *seen))
    print_table(["watched for", "told of", "newest", "there", "last look", "remark"], rows, empty="")


def print_wait(wait: service.DagWait) -> None:
    """Print what a DAG waits for."""
    print_line(f"{wait.dag_id}: {wait.reason}")
    print_table(
        ["awaited asset", "events waiting", "since"], [(a.asset, a.waiting, a.since) for a in wait.assets], empty=""
    )


def _source(event: AssetEvent) -> str:
    through = f", through {event.alias}" if event.alias else ""
    return f"{event.dag_id}.{event.task_id} ({event.run_id}){through}" if event.dag_id else "outside"
