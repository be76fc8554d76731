"""Test servers as processes of their own: `python -m penstock_testkit postgres|s3|redshift|saas`.

A server prints one line of JSON on its standard output once it is ready, serves until SIGTERM, SIGINT or the death of
the process that started it, and cleans up after itself.
"""

import argparse
import contextlib
import importlib
import json
import sys
from collections.abc import Callable

from penstock_testkit.processes import die_with_parent, stop_signals

Facts = dict[str, str | int | list[str] | dict[str, str]]


def _postgres(arguments: argparse.Namespace, stack: contextlib.ExitStack) -> Facts:
    from penstock_testkit.postgres import postgres  # noqa: PLC0415 - each command imports its own libraries alone

    server = stack.enter_context(postgres(port=arguments.port))
    return {"url": server.url, "host": "127.0.0.1", "port": server.port, "user": "postgres", "dbname": "postgres"}


def _s3(arguments: argparse.Namespace, stack: contextlib.ExitStack) -> Facts:
    from penstock_testkit.s3 import s3_server  # noqa: PLC0415

    server = stack.enter_context(s3_server(arguments.port))
    for bucket in arguments.bucket:
        server.create_bucket(bucket)
    for stream in arguments.stream:
        name, _, shards = stream.partition(":")
        with contextlib.closing(server.client("kinesis")) as kinesis:
            kinesis.create_stream(StreamName=name, ShardCount=int(shards or 1))
    return {"endpoint_url": server.endpoint_url, "env": server.env}


def _redshift(arguments: argparse.Namespace, stack: contextlib.ExitStack) -> Facts:
    from penstock_testkit.postgres import postgres  # noqa: PLC0415
    from penstock_testkit.redshift import redshift  # noqa: PLC0415
    from penstock_testkit.s3 import S3Server  # noqa: PLC0415

    s3 = S3Server(arguments.s3_endpoint.rstrip("/"))
    stack.callback(s3.close)
    server = stack.enter_context(redshift(stack.enter_context(postgres()), s3, arguments.port))
    database = server.create_database(arguments.dbname)
    return {
        "url": database.url,
        "host": database.host,
        "port": database.port,
        "user": database.user,
        "password": database.password,
        "dbname": database.dbname,
        "iam_role": database.iam_role,
    }


def _saas(arguments: argparse.Namespace, stack: contextlib.ExitStack) -> Facts:
    from penstock_testkit.saas import App, saas_net  # noqa: PLC0415

    apps: list[App] = []
    for each in arguments.app:
        module, _, name = each.partition(":")
        apps.append(getattr(importlib.import_module(module), name)())
    net = stack.enter_context(saas_net(*apps, port=arguments.port))
    stack.callback(lambda: sys.stderr.write("".join(f"{each}\n" for each in net.complaints())))
    return {"env": net.env, "hosts": [host for app in apps for host in app.hosts]}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m penstock_testkit", description="Run a test server.")
    commands = parser.add_subparsers(required=True, metavar="postgres|s3|redshift|saas")

    def command(
        name: str, run: Callable[[argparse.Namespace, contextlib.ExitStack], Facts], about: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=about, description=about)
        added.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 takes a free one")
        added.set_defaults(run=run)
        return added

    command("postgres", _postgres, "A PostgreSQL server.")
    s3 = command("s3", _s3, "An S3 server.")
    s3.add_argument("--bucket", action="append", default=[], help="create this bucket; may be repeated")
    s3.add_argument("--stream", action="append", default=[], help="create this stream of Kinesis, as NAME:SHARDS")
    redshift = command("redshift", _redshift, "A Redshift test server.")
    redshift.add_argument("--s3-endpoint", required=True, help="URL of the S3 server for COPY and UNLOAD")
    redshift.add_argument("--dbname", default="dev", help="name of its database")
    saas = command("saas", _saas, "Fakes of services behind a proxy; says at its end what they did not know.")
    saas.add_argument("app", nargs="+", help="MODULE:CLASS of a fake")
    return parser.parse_args()


def main() -> int:
    """Run the server that the command line names, and return the exit code."""
    arguments = _arguments()
    die_with_parent()
    with stop_signals() as wait, contextlib.ExitStack() as stack:
        try:
            facts = arguments.run(arguments, stack)
        except (OSError, RuntimeError) as error:
            sys.stderr.write(f"the server did not start: {error}\n")
            return 1
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
