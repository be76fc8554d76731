"""``penstock drain``."""

import math
from contextlib import suppress

import click

from penstock.cli.installation import project
from penstock.cli.requests import asked_by
from penstock.cli.terminal import json_option, print_json, print_line, print_remark
from penstock.cli.waiting import became
from penstock.errors import ExitCode, RequestError, ServerError
from penstock.model.history.audit import AskedBy
from penstock.service.installation import Installation
from penstock.service.schedulers import drain as service

_STOP_S = 60.0
"""Seconds in which a scheduler that is stopped has ended, beyond the grace of the tries that it ends."""


@click.command("drain")
@click.option(
    "--timeout",
    type=click.FloatRange(0.0),
    default=None,
    metavar="SECONDS",
    help="Wait no longer for tries that run: then they are ended, as when `penstock up` is stopped.",
)
@json_option
@click.pass_context
def drain(context: click.Context, timeout: float | None, *, as_json: bool) -> int:
    """Begin no try any more on this machine, let those that run end, and have `penstock up` end then with exit code 0.

    Runs stay: the next scheduler goes on with them. Exit code 1 if the tries had to be ended, or did not end.
    """
    with project(context) as installation:
        by = asked_by(None)
        draining = service.drain(installation, by=by)
        if not as_json:
            print_remark(f"no try begins any more; those that run are waited for: {draining.tries}")
        watch = _Watch(installation, draining, by)
        whole = done = became(watch.drained, math.inf if timeout is None else timeout)
        if not done:
            service.stop_draining(installation, by=by)
            done = became(watch.drained, draining.stop_grace_s + _STOP_S)
    if as_json:
        print_json({"drained": whole, "stopped": done})
    else:
        print_line("drained" if whole else "stopped: tries that ran were ended" if done else "it has not stopped yet")
    return ExitCode.DONE if whole else ExitCode.FAILED


class _Watch:
    """Watches what was told to drain, and tells what comes in the place of one that was killed."""

    def __init__(self, installation: Installation, draining: service.Draining, by: AskedBy) -> None:
        self._installation, self._draining, self._by = installation, draining, by

    def drained(self) -> bool:
        """Whether all have ended; a server of that machine ends with them, so that one that answers no more tells it, too."""
        try:
            state = service.drain_state(self._installation, self._draining.number)
            if state is service.DrainState.REPLACED:
                with suppress(RequestError):  # it has gone, too, and the next look finds out
                    self._draining = service.drain(self._installation, by=self._by)
        except ServerError:
            if not self._draining.supervisors:
                raise
            return True
        return state is service.DrainState.DRAINED
