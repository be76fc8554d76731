"""Test servers as processes of their own: `python -m penstock_testkit postgres|s3|redshift|saas`.

A server prints one line of JSON on its standard output once it is ready, serves until SIGTERM, SIGINT or the death of
the process that started it, and cleans up after itself. With ``-- COMMAND`` it prints nothing, but runs the command in its
environment, and ends with it.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping

from penstock_testkit.processes import die_with_parent, stop_signals

Facts = dict[str, str | int | list[str] | dict[str, str]]


def _postgres(arguments: argparse.Namespace, stack: contextlib.ExitStack) -> Facts:
    from penstock_testkit.postgres import postgres  # noqa: PLC0415 - each command imports its own libraries alone

    server = stack.enter_context(postgres(port=arguments.port))
    return {
        "url": server.url,
        "host": "127.0.0.1",
        "port": server.port,
        "user": "postgres",
        "dbname": "postgres",
        "sslmode": "disable",
    }


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
        "sslmode": "disable",  # neither server speaks TLS, which clients of Redshift want unless they are told
    }


def _saas(arguments: argparse.Namespace, stack: contextlib.ExitStack) -> Facts:
    from penstock_testkit.saas import saas_net  # noqa: PLC0415
    from penstock_testkit.saas.named_app import named_app  # noqa: PLC0415

    apps = [app for each in arguments.app for app in named_app(each)]
    net = stack.enter_context(saas_net(*apps, port=arguments.port))
    stack.callback(lambda: sys.stderr.write("".join(f"{each}\n" for each in net.complaints())))
    return {"env": net.env, "hosts": [host for app in apps for host in app.hosts]}


def _arguments() -> tuple[argparse.Namespace, list[str]]:
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
    saas.add_argument("app", nargs="+", help="MODULE:NAME of a class or function that makes a fake, or a list of them")
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    return parser.parse_args(words[:end]), words[end + 1 :]


def _run(command: list[str], env: Mapping[str, str]) -> int:
    """Run a command to its end; SIGINT of a terminal is its own affair, SIGTERM is passed on."""
    process = subprocess.Popen(command, env=os.environ | env)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    return process.wait()


def main() -> int:
    """Run the server that the command line names, and return the exit code."""
    arguments, command = _arguments()
    die_with_parent()
    with stop_signals() as wait, contextlib.ExitStack() as stack:
        try:
            facts = arguments.run(arguments, stack)
        except (OSError, RuntimeError) as error:
            sys.stderr.write(f"the server did not start: {error}\n")
            return 1
        if command:
            return _run(command, facts.get("env", {}))
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
