"""What the commands share that ask the scheduler for something: clear, mark, cancel."""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from penstock.cli.installation import person, remind_of_scheduler
from penstock.cli.terminal import print_remark
from penstock.cli.waiting import became
from penstock.decoders import decode_json
from penstock.errors import RequestError, as_sentence
from penstock.model.history.audit import AskedBy
from penstock.model.names import DEEPEST_CONF
from penstock.model.run import Run
from penstock.service.asked.asked import Asked, asked_state
from penstock.service.clear import Code
from penstock.service.installation import Installation
from penstock.service.runs import show_run

_WAIT_S, _PAUSE_S, _LONGEST_PAUSE_S = 10.0, 0.05, 1.0

keep_steps_option = click.option(
    "--keep-steps", is_flag=True, help="Keep the steps that the tasks have done, and their other checkpoints."
)
alone_option = click.option("--alone", is_flag=True, help="Leave alone what the tasks mark of other DAGs.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Show what it would do, and change nothing.")


since_option = click.option(
    "--from", "since", default=None, metavar="ISO", help="In place of a run: those whose logical date is not before."
)
until_option = click.option("--until", default=None, metavar="ISO", help="And before this.")
why_option = click.option("--reason", "why", default=None, metavar="TEXT", help="Why, for `penstock audit`.")


def asked_by(why: str | None) -> AskedBy:
    """Who runs this command, and why."""
    return AskedBy(person(), why or "")


def code_option(default: Code | None) -> Callable[[Any], Any]:
    """The option that chooses the version of the DAG."""
    otherwise = "newest, or same while a try of the run lives" if default is None else default.value
    return click.option(
        "--code",
        type=click.Choice([each.value for each in Code]),
        default=None,
        callback=lambda _context, _option, value: default if value is None else Code(value),
        help=f"What runs: the DAG's present version, or the one that the run has.  [default: {otherwise}]",
    )


def finished(installation: Installation, asked: Asked) -> bool:
    """Wait until the scheduler has handled what was asked for, for some seconds; says on stderr if it has not, and why.

    Raises:
        RequestError: The scheduler could not carry it out.
    """
    if not remind_of_scheduler(installation):
        return False
    if not became(lambda: asked_state(installation, asked.number).handled, _WAIT_S):
        print_remark(f"the scheduler has not come to it for {_WAIT_S:g} s; it stays asked for")
        return False
    if why := asked_state(installation, asked.number).set_aside:
        raise RequestError(
            f"it could not be carried out, and is in quarantine: {as_sentence(why)} See: penstock quarantine list"
        )
    return True


def ended(installation: Installation, run: Run, timeout_s: float | None) -> Run:
    """Wait until a run has ended, or for so many seconds; returns it as it is then. Who is interrupted leaves the run alone."""
    until = math.inf if timeout_s is None else time.monotonic() + timeout_s
    pause_s = _PAUSE_S
    while not (now := show_run(installation, run.dag_id, run.run_id).run).state.finished:
        left = until - time.monotonic()
        if left <= 0:
            print_remark(f"run {run.run_id} of {run.dag_id} has not ended in {timeout_s:g} s; it goes on")
            break
        time.sleep(min(pause_s, left))
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
    return now


def read_dates(since: str | None, until: str | None, run_id: str | None) -> tuple[datetime, datetime] | None:
    """The span of time that is named in place of a run, as UTC; None if none is. Raises RequestError or UsageError."""
    first, end = read_date(since, "--from"), read_date(until, "--until")
    if first is None and end is None:
        return None
    if first is None or end is None or run_id is not None:
        raise click.UsageError("Name a run, or give --from and --until.")
    return first, end


def read_date(text: str | None, option: str = "--date") -> datetime | None:
    """The instant of an option as UTC; None if it was not given. Raises RequestError."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise RequestError(
            f"{option} {text!r} is no ISO 8601 date, such as 2026-01-31 or 2026-01-31T06:00: {as_sentence(error)}"
        ) from None


def read_conf(text: str | None) -> dict[str, Any]:
    """The JSON object of ``--conf``; raises RequestError."""
    return read_object(text, "--conf")


def read_object(text: str | None, option: str) -> dict[str, Any]:
    """The JSON object of an option; raises RequestError."""
    if text is None:
        return {}
    try:
        return decode_json(text, dict[str, Any])
    except RecursionError:
        raise RequestError(
            f"{option} has more than {DEEPEST_CONF} levels of lists and objects within each other."
        ) from None
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError) as error:
        raise RequestError(f"{option} must be a JSON object such as '{{\"day\": 1}}': {as_sentence(error)}") from None
