"""``penstock connections``."""

import sys
from collections.abc import Mapping
from typing import Any

import click
import msgspec

from penstock.cli import names, requests
from penstock.cli.config.sources import none_known, origin, report_sources
from penstock.cli.installation import project
from penstock.cli.streams import read_text
from penstock.cli.terminal import json_option, print_fields, print_json, print_line, print_remark, print_table
from penstock.errors import ConfigError, ExitCode, RequestError
from penstock.model.connection import Connection, parse_connection
from penstock.service.config import connections as service
from penstock.service.operations.page import MOST, pages


@click.group()
def connections() -> None:
    """Addresses and credentials of services; those of the environment (PENSTOCK_CONN_<ID>) come first."""


@connections.command("list")
@json_option
@click.pass_context
def list_connections(context: click.Context, *, as_json: bool) -> int:
    """List connections, without their secrets; exit code 5 if a source of them fails."""
    with project(context) as installation:
        listed = list(pages(lambda after: service.list_connections(installation, after=after, limit=MOST)))
    found = [each for page in listed for each in page.items]
    failures, silent = listed[-1].failures, listed[-1].silent
    if as_json:
        print_json(found)
        return report_sources(failures, silent)
    print_table(
        ["connection", "type", "host", "port", "login", "from", "description"],
        [
            (
                c.conn_id,
                c.conn_type,
                c.host,
                c.port,
                c.login,
                origin(c.source, shadowed=c.shadowed, withheld=c.withheld),
                c.description,
            )
            for c in found
        ],
        empty=none_known("connection", "penstock connections set ID URI", failures),
    )
    return report_sources(failures, silent)


@connections.command("show")
@click.argument("conn_id", type=names.CONNECTION)
@json_option
@click.pass_context
def show_connection(context: click.Context, conn_id: str, *, as_json: bool) -> None:
    """Show a connection, with ``***`` for its secrets."""
    with project(context) as installation:
        found = service.show_connection(installation, conn_id)
    if as_json:
        print_json(found)
        return
    fields: dict[str, Any] = {name: getattr(found, name) for name in found.__struct_fields__}
    del fields["shadowed"], fields["withheld"], fields["stamp"]  # what is shown here is what a task is given
    fields["extra"] = "\n".join(f"{key} = {value}" for key, value in found.extra.items())
    print_fields(fields)


@connections.command("set")
@click.argument("conn_id", type=names.CONNECTION)
@click.argument("text", required=False, metavar="[URI|JSON]")
@click.option(
    "--stdin", "from_stdin", is_flag=True, help="Read the URI or JSON from stdin: it stays out of the history."
)
@click.option("--type", "conn_type", default=None, help="Connection type, such as aws.")
@click.option("--host", default=None)
@click.option("--port", type=click.IntRange(1, 65535), default=None)
@click.option("--login", default=None)
@click.option("--schema", default=None, help="Schema or database.")
@click.option("--description", default=None)
@click.option("--extra", multiple=True, metavar="KEY=VALUE", help="A further field; JSON values are read as such.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")
@click.option("--ask-password", is_flag=True, help="Ask for the password.")
@json_option
@click.pass_context
def set_connection(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    /,
    conn_id: str,
    text: str | None,
    *,
    from_stdin: bool,
    extra: tuple[str, ...],
    password_stdin: bool,
    ask_password: bool,
    as_json: bool,
    **fields: Any,  # noqa: ANN401 - the plain fields of a connection
) -> None:
    """Store a connection: a URI such as aws://KEY:SECRET@/?region_name=eu-west-1, a JSON object, or by options."""
    if [text is not None, from_stdin, password_stdin].count(True) > 1 or (password_stdin and ask_password):
        raise click.UsageError("Give one of URI, --stdin and --password-stdin; with the last, no --ask-password.")
    if from_stdin:
        text = read_text().strip()
    given = {name: value for name, value in fields.items() if value is not None}
    if password_stdin:
        given["password"] = read_text().rstrip("\r\n")
    elif ask_password:
        if sys.stdin is None or not sys.stdin.isatty():
            raise click.UsageError("--ask-password asks on a terminal, and there is none. Use --password-stdin.")
        given["password"] = click.prompt("password", hide_input=True, err=True)
    connection = _connection(conn_id, text, given, _extra(extra))
    with project(context, create=True) as installation:
        unused = service.set_connection(installation, conn_id, connection, by=requests.asked_by(None))
    if as_json:
        print_json({"conn_id": conn_id, "conn_type": connection.conn_type, "shadowed": bool(unused)})
    else:
        print_line(f"stored connection {conn_id} ({connection.conn_type})")
    if unused:
        print_remark(unused)


@connections.command("delete")
@click.argument("conn_id", type=names.CONNECTION)
@json_option
@click.pass_context
def delete_connection(context: click.Context, conn_id: str, *, as_json: bool) -> None:
    """Delete a stored connection."""
    with project(context) as installation:
        service.delete_connection(installation, conn_id, by=requests.asked_by(None))
    if as_json:
        print_json({"deleted": conn_id})
    else:
        print_line(f"deleted connection {conn_id}")


@connections.command("test")
@click.argument("conn_id", type=names.CONNECTION)
@json_option
@click.pass_context
def test_connection(context: click.Context, conn_id: str, *, as_json: bool) -> int:
    """Reach the service of a connection and report what was found; exit code 1 if it is not usable."""
    with project(context) as installation:
        found = service.test_connection(installation, conn_id)
    if as_json:
        print_json(found)
    else:
        print_fields(msgspec.structs.asdict(found))
    return ExitCode.DONE if found.ok else ExitCode.FAILED


def _connection(conn_id: str, text: str | None, given: Mapping[str, Any], extra: Mapping[str, Any]) -> Connection:
    if text is not None:
        base = _parsed(conn_id, text)
    elif "conn_type" in given:
        base = Connection(conn_id, given["conn_type"])
    else:
        raise click.UsageError("Give a URI or JSON, --stdin, or at least --type.")
    return msgspec.structs.replace(base, **given, extra={**base.extra, **extra})


def _parsed(conn_id: str, text: str) -> Connection:
    """What was typed as a connection; a value that is refused is no fault of the installation's settings."""
    try:
        return parse_connection(conn_id, text)
    except ConfigError as error:
        raise RequestError(str(error)) from None


def _extra(pairs: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise RequestError(f"--extra {key!r}: write KEY=VALUE.")
        try:
            found[key] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            found[key] = value
    return found
