"""``penstock alerts``."""

import click

from penstock.cli.installation import anywhere
from penstock.cli.terminal import json_option, print_json, print_line, print_remark, print_table
from penstock.errors import ExitCode
from penstock.service.alerts import alerts as service
from penstock.service.alerts.channel_trial import send_test
from penstock.service.operations.page import MOST, pages


@click.group()
def alerts() -> None:
    """Who is told of what, and how it fares."""


@alerts.command("list")
@json_option
@click.pass_context
def list_alerts(context: click.Context, *, as_json: bool) -> int:
    """List rules, channels and what waits for these; exit code 1 if a rule or a channel has a problem."""
    with anywhere(context) as installation:
        listed = list(pages(lambda after: service.list_alerts(installation, after=after, limit=MOST)))
    found, rules = listed[0], [rule for page in listed for rule in page.items]
    problems = [*(rule.problem for rule in rules), *(channel.failure for channel in found.channels)]
    code = ExitCode.FAILED if any(problems) else ExitCode.DONE
    if as_json:
        print_json(
            {
                "rules": rules,
                "channels": found.channels,
                "given_up": found.given_up,
            }
        )
        return code
    print_table(
        ["level", "of", "on", "to", "after", "problem"],
        [
            (
                r.level,
                r.subject,
                ", ".join(r.on),
                ", ".join(r.to),
                "" if r.after_s is None else f"{r.after_s:g} s",
                r.problem,
            )
            for r in rules
        ],
        empty="no rule. See: docs/how-to/alerts.md",
    )
    if found.channels:
        print_line("")
        rows = [(c.name, c.type, c.waiting, c.failure) for c in found.channels]
        print_table(["channel", "type", "waiting", "failure"], rows, empty="none")
    for each in found.given_up:
        print_remark(
            f"given up, {each.state}: a message of {each.made_at:%Y-%m-%d %H:%M:%S}Z to {each.channel}: {each.failure}"
        )
    return code


@alerts.command("test")
@click.argument("channel")
@json_option
@click.pass_context
def test_channel(context: click.Context, channel: str, *, as_json: bool) -> None:
    """Send a test message to a channel of [notifiers], or to mailto:somebody@example.com."""
    with anywhere(context) as installation:
        send_test(installation, channel)
    if as_json:
        print_json({"channel": channel, "sent": True})
    else:
        print_line(f"a test was sent to {channel}")
