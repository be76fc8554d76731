"""``penstock quarantine``."""

import click

from penstock.cli import requests
from penstock.cli.installation import project, remind_of_scheduler
from penstock.cli.terminal import json_option, print_json, print_line, print_table
from penstock.model.history.quarantine import Quarantined
from penstock.service.history import quarantine as service
from penstock.service.operations.page import MOST, every


@click.group()
def quarantine() -> None:
    """What the scheduler could not handle and has put aside."""


@quarantine.command("list")
@json_option
@click.pass_context
def list_quarantine(context: click.Context, *, as_json: bool) -> None:
    """List what is in quarantine, oldest first."""
    with project(context) as installation:
        found = list(every(lambda after: service.list_quarantine(installation, after=after, limit=MOST)))
    if as_json:
        print_json([_facts(each) for each in found])
    else:
        rows = [(each.number, each.at, each.subject, each.reason) for each in found]
        print_table(["number", "since", "what", "why"], rows, empty="nothing")


@quarantine.command("retry")
@click.argument("number", type=int)
@json_option
@click.pass_context
def retry(context: click.Context, number: int, *, as_json: bool) -> None:
    """Have the scheduler take a request or a DAG up again."""
    with project(context) as installation:
        found = service.retry_quarantined(installation, number, by=requests.asked_by(None))
        remind_of_scheduler(installation)
    _print(found, "is tried again", as_json=as_json)


@quarantine.command("drop")
@click.argument("number", type=int)
@json_option
@click.pass_context
def drop(context: click.Context, number: int, *, as_json: bool) -> None:
    """Forget a request, try or run that is in quarantine."""
    with project(context) as installation:
        found = service.drop_quarantined(installation, number, by=requests.asked_by(None))
    _print(found, "is forgotten", as_json=as_json)


def _print(found: Quarantined, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_facts(found))
    else:
        print_line(f"{found.subject} {what}")


def _facts(thing: Quarantined) -> dict[str, object]:
    return {
        "number": thing.number,
        "kind": thing.kind.value,
        "subject": thing.subject,
        "reason": thing.reason,
        "at": thing.at,
        "request": thing.body.decode(errors="backslashreplace"),
    }
