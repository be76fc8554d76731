"""``penstock worker``."""

import math

import click

from penstock.errors import RequestError


@click.command()
@click.option("--executor", default="", help="Take the tickets of this executor of [executors].")
@click.option(
    "--queues",
    multiple=True,
    help="Take tries of these queues alone, with commas between them; of default unless given.",
)
@click.option("--concurrency", type=click.IntRange(1, 1000), default=1, show_default=True, help="Tries at once.")
@click.option("--ticket", is_flag=True, help="Run the one try whose ticket PENSTOCK_TICKET holds, and leave.")
@click.option(
    "--folder", default="", help="Where source snapshots and its own files lie; a temporary folder unless given."
)
@click.option("--idle-exit-s", type=click.FloatRange(min=0), help="Leave after so many seconds without a try.")
@click.option(
    "--drain-s", type=click.FloatRange(min=0), help="Hand tries back so many seconds after it is told to leave."
)
@click.option(
    "--lost-s",
    type=click.FloatRange(min=0),
    help="Leave so many seconds after the last try has ended if no server answers; the lease unless given.",
)
@click.option(
    "--guard/--no-guard", default=True, help="Whether a pool's worker has its machine kept while it has tries."
)
@click.pass_context
def worker(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    *,
    executor: str,
    queues: tuple[str, ...],
    concurrency: int,
    ticket: bool,
    folder: str,
    idle_exit_s: float | None,
    drain_s: float | None,
    lost_s: float | None,
    guard: bool,
) -> None:
    """Run tries of a server's remote executor on this machine.

    PENSTOCK_SERVER names the server. Told to leave by SIGTERM, it takes no try any more, and leaves when what it has has ended; a second
    signal has it hand that back.
    """
    from penstock.app.workers.remote_worker import WorkerChoice, run_worker  # noqa: PLC0415 - a refusal need not wait for the import

    if ticket == bool(executor):
        raise RequestError(
            "say either --executor NAME, for a pool of workers, or --ticket, for the one try of PENSTOCK_TICKET."
        )
    if any(math.isnan(each) for each in (idle_exit_s, drain_s, lost_s) if each is not None):
        raise RequestError("--idle-exit-s, --drain-s and --lost-s are numbers of seconds, and nan is none.")
    choice = WorkerChoice(executor, queues, concurrency, folder, idle_exit_s, drain_s, lost_s, guard)
    context.exit(run_worker(context.obj, choice))
