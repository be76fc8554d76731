"""``penstock variables``."""

from pathlib import Path

import click

from penstock.cli import names, requests
from penstock.cli.config.sources import none_known, origin, report_sources
from penstock.cli.installation import project
from penstock.cli.streams import read_text
from penstock.cli.terminal import json_option, print_json, print_line, print_remark, print_table
from penstock.errors import RequestError, as_sentence
from penstock.model.text import shortened
from penstock.service.config import variables as service
from penstock.service.operations.page import MOST, pages

_SHOWN = 60


@click.group()
def variables() -> None:
    """Texts that DAGs read; those of the environment (PENSTOCK_VAR_<KEY>) come first."""


@variables.command("list")
@json_option
@click.pass_context
def list_variables(context: click.Context, *, as_json: bool) -> int:
    """List Variables; values with secrets are hidden, and long ones shortened, except with --json.

    Exit code 5 if a source of them fails.
    """
    with project(context) as installation:
        listed = list(pages(lambda after: service.list_variables(installation, after=after, limit=MOST)))
    found = [each for page in listed for each in page.items]
    failures, silent = listed[-1].failures, listed[-1].silent
    if as_json:
        print_json(found)
        return report_sources(failures, silent)
    print_table(
        ["variable", "value", "set", "from", "description"],
        [
            (
                v.key,
                shortened(v.value, _SHOWN),
                v.changed_at,
                origin(v.source, shadowed=v.shadowed, withheld=v.withheld),
                v.description,
            )
            for v in found
        ],
        empty=none_known("Variable", "penstock variables set KEY VALUE", failures),
    )
    return report_sources(failures, silent)


@variables.command("get")
@click.argument("key", type=names.VARIABLE)
@json_option
@click.pass_context
def get_variable(context: click.Context, key: str, *, as_json: bool) -> None:
    """Print the text of a Variable."""
    with project(context) as installation:
        value = service.get_variable(installation, key)
    if as_json:
        print_json({"key": key, "value": value})
    else:
        print_line(value)


@variables.command("set")
@click.argument("key", type=names.VARIABLE)
@click.argument("value", required=False, default=None)
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the value from stdin.")
@click.option(
    "--file", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Read it from a file."
)
@click.option("--description", default="")
@json_option
@click.pass_context
def set_variable(
    context: click.Context,
    key: str,
    value: str | None,
    *,
    from_stdin: bool,
    file: Path | None,
    description: str,
    as_json: bool,
) -> None:
    """Store a Variable; DAG files that read it are imported again."""
    if [value is not None, from_stdin, file is not None].count(True) != 1:
        raise click.UsageError("Give exactly one of VALUE, --stdin and --file.")
    text = value if value is not None else _read(file)
    with project(context, create=True) as installation:
        unused = service.set_variable(installation, key, text, description, by=requests.asked_by(None))
    if as_json:
        print_json({"key": key, "shadowed": bool(unused)})
    else:
        print_line(f"stored variable {key}")
    if unused:
        print_remark(unused)


@variables.command("delete")
@click.argument("key", type=names.VARIABLE)
@json_option
@click.pass_context
def delete_variable(context: click.Context, key: str, *, as_json: bool) -> None:
    """Delete a stored Variable."""
    with project(context) as installation:
        service.delete_variable(installation, key, by=requests.asked_by(None))
    if as_json:
        print_json({"deleted": key})
    else:
        print_line(f"deleted variable {key}")


def _read(file: Path | None) -> str:
    if file is None:
        return read_text()
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(f"{file} is no UTF-8 text: {as_sentence(error)}") from None
    except OSError as error:
        raise RequestError(f"{file} cannot be read: {error.strerror}.") from None
