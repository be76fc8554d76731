"""``penstock dags``."""

from contextlib import nullcontext
from pathlib import Path

import click
from msgspec.structs import replace

from penstock.cli import names, requests
from penstock.cli.assets.commands import print_wait
from penstock.cli.history.deletion import delete
from penstock.cli.history.versions import diff, versions
from penstock.cli.installation import anywhere, project, remind_of_scheduler
from penstock.cli.streams import output_beside
from penstock.cli.terminal import (
    counts,
    duration,
    json_option,
    print_fields,
    print_json,
    print_line,
    print_remark,
    print_table,
)
from penstock.errors import ExitCode
from penstock.model.state import RunState
from penstock.model.text import counted
from penstock.service import dags as service
from penstock.service.installation import Installation
from penstock.service.operations.page import MOST, every


@click.group()
def dags() -> None:
    """List, show, trigger, pause, test and delete DAGs."""


dags.add_command(versions)
dags.add_command(diff)
dags.add_command(delete)


@dags.command("list")
@click.option("--search", type=names.PLAIN, default=None, metavar="TEXT", help="Only DAGs whose id contains this.")
@click.option("--tag", type=names.PLAIN, default=None, help="Only DAGs with this tag.")
@click.option("--owner", type=names.PLAIN, default=None, help="Only DAGs of which a task names this owner.")
@click.option("--paused/--running", "paused", default=None, help="Only DAGs that are paused, or that are not.")
@click.option(
    "--state",
    type=click.Choice([s.value for s in RunState]),
    default=None,
    help="Only DAGs whose newest run is in this state.",
)
@click.option("--retired", is_flag=True, help="Also DAGs that no file defines any more.")
@json_option
@click.pass_context
def list_dags(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    search: str | None,
    tag: str | None,
    owner: str | None,
    state: str | None,
    *,
    paused: bool | None,
    retired: bool,
    as_json: bool,
) -> None:
    """List DAGs with their schedules and the numbers of their runs."""
    with project(context) as installation:
        found = list(
            every(
                lambda after: service.list_dags(
                    installation, search=search or "", tag=tag or "", owner=owner or "", paused=paused,
                    state=RunState(state) if state else None, retired=retired, after=after, limit=MOST,
                )
            )
        )  # fmt: skip
        broken = [each for each in _problems(installation) if each.problems]
    if as_json:
        print_json(found)
        return
    print_table(
        ["dag", "schedule", "next run", "paused", "runs", "file"],
        [
            (d.dag_id, d.schedule, d.next_run_at, d.paused, counts(d.runs), d.file if d.active else f"{d.file} (gone)")
            for d in found
        ],
        empty=_none_found(installation),
    )
    if broken:
        print_remark(f"{counted(len(broken), 'DAG file')} cannot be imported: penstock dags errors")


def _none_found(installation: Installation) -> str:
    if installation.remote is not None:
        return "no DAG found."
    return f"no DAG found. DAG files belong into {installation.settings.dags_folder}; `penstock up` loads them."


@dags.command("show")
@click.argument("dag_id", type=names.DAG)
@json_option
@click.pass_context
def show_dag(context: click.Context, dag_id: str, *, as_json: bool) -> None:
    """Show a DAG: its settings, its tasks and its newest runs."""
    with project(context) as installation:
        found = service.show_dag(installation, dag_id)
    if as_json:
        print_json(found)
        return
    spec, summary = found.spec, found.summary
    print_fields(
        {
            "dag": spec.dag_id,
            "doc": spec.doc,
            "file": spec.file,
            "schedule": f"{summary.schedule} ({spec.schedule.timezone})",
            "next run": summary.next_run_at,
            "paused": summary.paused,
            "catchup": service.catchup_text(spec),
            "overlap": spec.overlap,
            "tenant": spec.tenant,
            "limits": f"{spec.max_active_runs} runs, {spec.max_active_tasks} tasks",
            "run timeout": "" if spec.run_timeout_s is None else f"{spec.run_timeout_s:g} s",
            "tags": ", ".join(spec.tags),
            "params": "\n".join(
                f"{name} {'must be given' if param.required else f'= {param.default!r}'} {param.doc}"
                for name, param in spec.params.items()
            ),
            "version": found.version,
            "runs": counts(summary.runs),
        }
    )
    print_line("")
    rows = [(t.task_id, t.capability or t.operator, ", ".join(t.upstream), t.trigger_rule, t.pool) for t in spec.tasks]
    print_table(["task", "operator", "upstream", "trigger rule", "pool"], rows, empty="it has no tasks.")
    print_line("")
    latest = [(r.run_id, r.state, r.started_at, duration(r.started_at, r.ended_at)) for r in found.latest]
    print_table(["newest runs", "state", "started", "duration"], latest, empty="it has no runs yet.")
    if found.waits is not None:
        print_line("")
        print_wait(found.waits)


@dags.command("errors")
@json_option
@click.pass_context
def errors(context: click.Context, *, as_json: bool) -> int:
    """Show what is wrong with DAG files, and notes, which stop nothing; exit code 1 if anything is wrong."""
    with project(context) as installation:
        found = _problems(installation)
    broken = any(each.problems for each in found)
    if as_json:
        print_json(found)
        return 1 if broken else 0
    if not broken:
        print_line("every DAG file can be imported.")
    for each in found:
        print_line("", title=each.file)
        for sentence in (*each.problems, *(f"note: {note}" for note in each.notes)):
            print_line("  " + sentence.replace("\n", "\n  "))
    return 1 if broken else 0


def _problems(installation: Installation) -> list[service.ImportErrors]:
    return list(every(lambda after: service.dag_problems(installation, after=after, limit=MOST)))


@dags.command("trigger")
@click.argument("dag_id", type=names.DAG)
@click.option("--run-id", type=names.PLAIN, default=None, help="Name of the run; the same name twice makes one run.")
@click.option("--conf", default=None, metavar="JSON", help="A JSON object that overrides the DAG's params.")
@click.option("--date", "logical_date", default=None, metavar="ISO", help="Logical date; UTC unless it has an offset.")
@click.option("--wait", is_flag=True, help="Wait for its end, if a scheduler runs; exit code 0 only for a success.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.0),
    default=None,
    metavar="SECONDS",
    help="Wait, and no longer than this; the run goes on.",
)
@requests.why_option
@json_option
@click.pass_context
def trigger(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    dag_id: str,
    run_id: str | None,
    conf: str | None,
    logical_date: str | None,
    *,
    wait: bool,
    timeout: float | None,
    why: str | None,
    as_json: bool,
) -> int:
    """Start a run of a DAG."""
    given, instant, waits = requests.read_conf(conf), requests.read_date(logical_date), wait or timeout is not None
    with project(context) as installation:
        by = requests.asked_by(why)
        done = service.trigger(installation, dag_id, run_id=run_id or "", conf=given, logical_date=instant, by=by)
        if not as_json:
            verb = "created run" if done.created else "run exists already:"
            print_line(f"{verb} {done.run.run_id} of {dag_id} ({done.run.state.value})")
        if done.paused:
            print_remark(f"the DAG is paused: the run waits for `penstock dags unpause {dag_id}`")
        # Where nobody works, only who has said for how long waits for somebody to begin.
        comes = remind_of_scheduler(installation) or timeout is not None
        run = requests.ended(installation, done.run, timeout) if waits and comes else done.run
    if as_json:
        print_json(replace(done, run=run))
    elif waits:
        reason = f": {run.reason}" if run.reason else ""
        print_line(f"run {run.run_id} of {dag_id} is {run.state.value}{reason}")
    return ExitCode.DONE if not waits or run.state is RunState.SUCCESS else ExitCode.FAILED


@dags.command("pause")
@click.argument("dag_ids", type=names.DAG, nargs=-1, required=True, metavar="DAG_ID...")
@requests.why_option
@json_option
@click.pass_context
def pause(context: click.Context, dag_ids: tuple[str, ...], why: str | None, *, as_json: bool) -> None:
    """Start no new runs of DAGs; live ones go on."""
    _set_paused(context, dag_ids, why, paused=True, as_json=as_json)


@dags.command("unpause")
@click.argument("dag_ids", type=names.DAG, nargs=-1, required=True, metavar="DAG_ID...")
@requests.why_option
@json_option
@click.pass_context
def unpause(context: click.Context, dag_ids: tuple[str, ...], why: str | None, *, as_json: bool) -> None:
    """Start runs of DAGs again."""
    _set_paused(context, dag_ids, why, paused=False, as_json=as_json)


@dags.command("next")
@click.argument("dag_id", type=names.DAG)
@click.option("-n", "--count", default=5, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@json_option
@click.pass_context
def next_runs(context: click.Context, dag_id: str, count: int, *, as_json: bool) -> None:
    """Show when the next runs of a DAG fall due, and what the clock reads then in the zone of its schedule."""
    with project(context) as installation:
        found = service.next_runs(installation, dag_id, count)
        zone = service.show_dag(installation, dag_id).spec.schedule.timezone
    if as_json:
        print_json(found)
        return
    elsewhere = zone != "UTC"  # else the clock there reads what stands beside it
    rows = [
        (each.interval_start, each.interval_end, each.run_after)
        + ((each.local.isoformat(sep=" ", timespec="minutes"),) if elsewhere else ())
        for each in found
    ]
    heads = ["data from", "to", "runs at", *([f"in {zone}"] if elsewhere else [])]
    print_table(heads, rows, empty=f"DAG {dag_id!r} has no schedule that goes on.")


def _set_paused(
    context: click.Context, dag_ids: tuple[str, ...], why: str | None, *, paused: bool, as_json: bool
) -> None:
    word = "paused" if paused else "unpaused"
    results = []
    with project(context) as installation:
        done = service.pause_all(installation, list(dag_ids), paused=paused, by=requests.asked_by(why))
        for dag_id, changed in done.items():
            results.append({"dag_id": dag_id, "paused": paused, "changed": changed})
            if not as_json:
                print_line(f"{dag_id} is {word}" if changed else f"{dag_id} was {word} already")
    if as_json:
        print_json(results)


@dags.command("test")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("dag_id", type=names.PLAIN, required=False)
@click.option("--date", "logical_date", default=None, metavar="ISO", help="Logical date; UTC unless it has an offset.")
@click.option("--conf", default=None, metavar="JSON", help="A JSON object that overrides the DAG's params.")
@json_option
@click.pass_context
def test(
    context: click.Context,
    file: Path,
    dag_id: str | None,
    logical_date: str | None,
    conf: str | None,
    *,
    as_json: bool,
) -> int:
    """Run one DAG of a file in this process, without a database; a debugger works.

    Tasks run one after the other, so that pools, max_active_tasks and queues hold nothing back. With --json, what tasks
    print goes to standard error.
    """
    from penstock.service.local.run_locally import run_locally  # noqa: PLC0415 - imports what runs DAGs

    date, given = requests.read_date(logical_date), requests.read_conf(conf)
    with anywhere(context) as installation, output_beside() if as_json else nullcontext():
        done = run_locally(installation, file, dag_id or "", logical_date=date, conf=given, log=print_remark)
    if as_json:
        print_json(done)
    else:
        rows = [(task.label, task.state, task.try_number, task.reason) for task in done.tasks]
        print_table(["task", "state", "try", "reason"], rows, empty="the DAG has no tasks.")
        print_line(f"the run of DAG {done.run.dag_id} is {done.run.state.value}")
    return ExitCode.DONE if done.run.state is RunState.SUCCESS else ExitCode.FAILED
