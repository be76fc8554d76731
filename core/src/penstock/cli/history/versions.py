"""``penstock dags versions`` and ``penstock dags diff``."""

from typing import Any

import click

from penstock.cli import names
from penstock.cli.installation import project
from penstock.cli.page_options import page_options, print_next
from penstock.cli.terminal import json_option, json_text, print_json, print_line, print_remark, print_table
from penstock.service.history import versions as service


@click.command("versions")
@click.argument("dag_id", type=names.DAG)
@page_options
@json_option
@click.pass_context
def versions(context: click.Context, dag_id: str, limit: int, after: str | None, *, as_json: bool) -> None:
    """List the versions of a DAG that are stored, newest first."""
    with project(context) as installation:
        found = service.list_versions(installation, dag_id, after=after or "", limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [(each.version[: service.SHOWN], each.stored_at, "present" if each.present else "") for each in found.items]
    print_table(["version", "stored", "new runs"], rows, empty="no version is stored.")
    print_next(found.next)


@click.command("diff")
@click.argument("dag_id", type=names.DAG)
@click.argument("before", type=names.PLAIN, required=False)
@click.argument("after", type=names.PLAIN, required=False)
@json_option
@click.pass_context
def diff(context: click.Context, dag_id: str, before: str | None, after: str | None, *, as_json: bool) -> None:
    """Tell how two versions of a DAG differ: BEFORE and AFTER, or the present one and that before it."""
    with project(context) as installation:
        found = service.diff_versions(installation, dag_id, before or "", after or "")
    if found.note:
        print_remark(found.note)
    if as_json:
        print_json(found)
        return
    print_line(f"{found.before[: service.SHOWN]} -> {found.after[: service.SHOWN]}")
    print_table(
        ["part", "name", "setting", "change", "before", "after"],
        [(d.part, d.name, d.field, d.change, _shown(d.before), _shown(d.after)) for d in found.differences],
        empty="they do not differ.",
    )


def _shown(value: Any) -> str:  # noqa: ANN401 - any plain value
    return "" if value is None else value if isinstance(value, str) else json_text(value)
