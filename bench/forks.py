"""Fork after clients were used: the hooks of four services, over real TLS, in parent and child at the same time.

    python bench/forks.py [--forks 10000]

Each child uses the hooks that its parent has used, while the parent goes on using them. No call is repeated, so that nothing hides an
error. Prints how many calls succeeded and how long a fork took; fails at the first error of parent or child.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from penstock import Connection
from penstock_aws.hooks import S3Hook
from penstock_gcp.hooks import GCSHook
from penstock_salesforce.hooks import SalesforceHook
from penstock_slack.hooks import SlackHook
from penstock_testkit.gcs import Gcs, GoogleTokens
from penstock_testkit.numbered import NumberedBucket
from penstock_testkit.saas import saas_net
from penstock_testkit.salesforce import HOST, Salesforce
from penstock_testkit.slack import SlackWorkspace

ROUNDS = 2
PATIENCE_S = 120.0
ONCE = {"max_attempts": 1}


def serve() -> None:
    """Serve the fakes until the standard input ends; prints the environment of their clients, and a key of Google's."""
    tokens, workspace = GoogleTokens(), SlackWorkspace()
    storage, salesforce = Gcs(tokens), Salesforce()
    storage.create_bucket("clicks")
    storage.put("gs://clicks/a", "x")
    account = tokens.account("robot@a-project.iam.gserviceaccount.com")
    apps = (tokens, storage, salesforce, workspace, NumberedBucket())
    with saas_net(*apps) as net:
        print(json.dumps({"env": net.env, "account": account, "token": workspace.token}), flush=True)
        while sys.stdin.readline():
            for app in apps:
                app.requests.clear()
        if complaints := net.complaints():
            sys.exit("\n".join(complaints))


def calls(given: dict[str, Any]) -> dict[str, Callable[[], object]]:
    """A call of each hook, by the name of its service."""
    aws = Connection(
        "aws",
        "aws",
        login="key",
        password="secret",
        extra={"region_name": "eu-central-1", **ONCE},
    )
    google = Connection("gcp", "gcp", password=json.dumps(given["account"]), extra=ONCE)
    consumer = {"client_id": "the-consumer-key", "client_secret": "the-consumer-secret"}
    force = Connection("salesforce", "salesforce", host=HOST, extra={**consumer, **ONCE})
    slack = Connection("slack", "slack", password=given["token"], extra=ONCE)
    s3, gcs = S3Hook(connection=aws), GCSHook(connection=google)
    salesforce, workspace = SalesforceHook(connection=force), SlackHook(connection=slack)
    return {
        "s3": lambda: next(iter(s3.list_objects("keys", "keys/"))),
        "gcs": lambda: gcs.head("gs://clicks/a"),
        "salesforce": salesforce.identify,
        "slack": workspace.own_user_id,
    }


def use(hooks: dict[str, Callable[[], object]]) -> str:
    """Call each of them some times; returns the first error, "" if there is none."""
    for _ in range(ROUNDS):
        for name, ask in hooks.items():
            try:
                assert ask(), "there is no answer"
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                return f"{name}: {type(error).__name__}: {error}"
    return ""


def fork_and_use(hooks: dict[str, Callable[[], object]]) -> list[str]:
    """Fork once, use all in both, and return the errors of both."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, use(hooks).encode()[:4000] + b"\n")
        finally:
            os._exit(0)
    os.close(writing)
    own = use(hooks)
    with os.fdopen(reading) as answer:
        told = answer.read()
    os.waitpid(pid, 0)
    return [
        each
        for each in (own and f"parent: {own}", f"child: {told.strip() or 'it died'}" if told != "\n" else "")
        if each
    ]


def run(forks: int) -> float:
    """Fork so many times; returns the seconds that it took.

    Args:
        forks: How many.
    """
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        given = json.loads(server.stdout.readline())
        os.environ.update(given["env"])
        hooks = calls(given)
        assert use(hooks) == ""
        begun = time.monotonic()
        for number in range(forks):
            errors = fork_and_use(hooks)
            assert errors == [], f"fork {number}: {errors}"
            if number % 100 == 99:
                server.stdin.write("forget what was asked\n")
                server.stdin.flush()
        spent = time.monotonic() - begun
    finally:
        server.stdin.close()
        status = server.wait(PATIENCE_S)
        server.stdout.close()
    assert status == 0, "a fake was asked what it does not know"
    return spent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--forks", type=int, default=10_000)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
        return
    spent = run(given.forks)
    made = given.forks * ROUNDS * 4 * 2
    print(
        f"{given.forks:,} forks, {made:,} calls of four services, no error; {spent / given.forks * 1000:.0f} ms a fork"
    )


if __name__ == "__main__":
    main()
