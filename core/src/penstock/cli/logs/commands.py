"""``penstock logs``: lines of one log, places in it, and search in all."""

import click

from penstock.cli import requests
from penstock.cli.installation import project
from penstock.cli.names import DAG, PLAIN, TASK, one_task
from penstock.cli.terminal import json_option, print_json, print_line, print_remark
from penstock.errors import ExitCode
from penstock.model.logs.log_line import LEVELS, LogLine
from penstock.model.text import counted, utc_text
from penstock.service.log_view import log_lines as service
from penstock.service.log_view.log_search import MOST_HITS, search_logs
from penstock.service.names import index_of


@click.group()
def logs() -> None:
    """Look into logs: lines of one, places in one, and search in all."""


dispatch_option = click.option(
    "--dispatch", type=click.IntRange(1), default=None, help="The log of one dispatch; of the newest unless given."
)
level_option = click.option(
    "--level", type=click.Choice(LEVELS), default=None, help="Only what was logged at this level, or a graver one."
)


@logs.command("show")
@one_task
@dispatch_option
@level_option
@click.option(
    "--from",
    "offset",
    type=click.IntRange(0),
    default=None,
    help="The byte from which on; from the beginning unless given.",
)
@click.option("--last", is_flag=True, help="The last lines of the log, or those before --from.")
@click.option(
    "--limit", type=click.IntRange(1, service.MOST_LINES), default=500, show_default=True, help="Lines, at most."
)
@json_option
@click.pass_context
def show(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    dag_id: str,
    task_id: str,
    *,
    run_id: str,
    map_index: int | str | None,
    dispatch: int | None,
    level: str | None,
    offset: int | None,
    last: bool,
    limit: int,
    as_json: bool,
) -> int:
    """Print lines of one log, from either end of it or from the middle; with --json each with its time, level and logger."""
    with project(context) as installation:
        index = index_of(installation, dag_id, task_id, map_index, run_id=run_id)
        page = service.log_lines(
            installation, dag_id, task_id, run_id=run_id, map_index=index,
            dispatch=dispatch, offset=offset, backward=last, limit=limit, level=level or "",
        )  # fmt: skip
    if as_json:
        print_json(page)
        return ExitCode.DONE
    for line in page.lines:
        print_line(_shown(line))
    if page.start and last:
        print_remark(f"there is more before: --last --from {page.start}")
    elif page.end < page.size and not last:
        print_remark(f"there is more: --from {page.end}")
    return ExitCode.DONE


@logs.command("find")
@one_task
@click.argument("text", type=PLAIN, required=False)
@dispatch_option
@click.option("--from", "offset", type=click.IntRange(0), default=0, help="The byte at which to begin.")
@click.option("--lines", type=click.IntRange(0), default=0, help="How many lines are before that byte.")
@click.option(
    "--limit", type=click.IntRange(1, service.MOST_LINES), default=100, show_default=True, help="Matches, at most."
)
@json_option
@click.pass_context
def find(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    dag_id: str,
    task_id: str,
    *,
    text: str | None,
    run_id: str,
    map_index: int | str | None,
    dispatch: int | None,
    offset: int,
    lines: int,
    limit: int,
    as_json: bool,
) -> int:
    """Find a text in one log, or without a text its errors; exit code 1 if there is none."""
    with project(context) as installation:
        index = index_of(installation, dag_id, task_id, map_index, run_id=run_id)
        found = service.find_in_log(
            installation, dag_id, task_id, text=text or "", run_id=run_id, map_index=index,
            dispatch=dispatch, offset=offset, lines=lines, limit=limit,
        )  # fmt: skip
    if as_json:
        print_json(found)
    else:
        for match in found.matches:
            print_line(match.text, title=f"{match.number}: ")
        if not found.whole:
            print_remark(
                f"searched {counted(found.lines, 'line')}; to go on: --from {found.offset} --lines {found.lines}"
            )
    return ExitCode.DONE if found.matches else ExitCode.FAILED


@logs.command("search")
@click.argument("words", type=PLAIN, nargs=-1, required=True)
@click.option("--dag", "dag_id", type=DAG, default=None, help="Only of this DAG.")
@click.option("--task", "task_id", type=TASK, default=None, help="Only of this task.")
@level_option
@click.option("--since", default=None, metavar="ISO", help="Only from this instant on.")
@click.option("--until", default=None, metavar="ISO", help="Only before this instant.")
@click.option("--limit", type=click.IntRange(1, MOST_HITS), default=50, show_default=True, help="Lines, at most.")
@click.option("--after", type=PLAIN, default=None, metavar="NEXT", help="Go on where an earlier search has stopped.")
@json_option
@click.pass_context
def search(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    words: tuple[str, ...],
    *,
    dag_id: str | None,
    task_id: str | None,
    level: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    after: str | None,
    as_json: bool,
) -> int:
    """Find lines in the logs of all runs, those that were indexed last first; exit code 1 if there is none."""
    first, end = requests.read_date(since, "--since"), requests.read_date(until, "--until")
    with project(context) as installation:
        found = search_logs(
            installation, words, dag_id=dag_id or "", task_id=task_id or "", level=level or "", since=first, until=end, limit=limit,
            after=after or "",
        )  # fmt: skip
    if as_json:
        print_json(found)
        return ExitCode.DONE if found.items else ExitCode.FAILED
    for hit in found.items:
        task = hit.task_id if hit.map_index < 0 else f"{hit.task_id}[{hit.map_index}]"
        print_line(hit.text, title=f"{utc_text(hit.time)} {hit.dag_id} {hit.run_id} {task} {hit.dispatch}: ")
    if found.unread:
        print_remark(f"{counted(found.unread, 'place')} could not be read: the log is deleted, or on another machine.")
    if found.next:
        print_remark(f"searched {found.searched_days} of {counted(found.days, 'day')}; to go on: --after {found.next}")
    elif not found.items:
        since_text = f" since {utc_text(found.since)}" if found.since else ""
        print_remark(f"no line{since_text} has these words.")
    return ExitCode.DONE if found.items else ExitCode.FAILED


def _shown(line: LogLine) -> str:
    if line.time is None:
        return line.text
    return f"{line.time.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z {line.level.upper()} {line.source}: {line.text}"
