"""``penstock doctor``: what is wrong with this installation, and what to do."""

import click

from penstock.cli.installation import anywhere, require_here
from penstock.cli.terminal import json_option, print_json, print_line
from penstock.errors import ExitCode, PenstockError
from penstock.service.doctor.finding import Finding, Severity
from penstock.service.health import check_installation, program

_MARKS = {Severity.OK: ("ok  ", "green"), Severity.NOTE: ("note", "yellow"), Severity.BAD: ("BAD ", "red")}


@click.command()
@json_option
@click.pass_context
def doctor(context: click.Context, *, as_json: bool) -> int:
    """Look for what is wrong with this installation; exit code 1 if anything is."""
    require_here(context)
    findings = [program()]
    try:
        with anywhere(context) as installation:
            findings += check_installation(installation)
    except PenstockError as error:
        findings.append(Finding(Severity.BAD, "settings", str(error)))
    if as_json:
        print_json([finding._asdict() for finding in findings])
    for finding in () if as_json else findings:
        mark, colour = _MARKS[finding.severity]
        print_line(f"  {finding.subject}: {finding.detail}", title=mark, colour=colour)
    return ExitCode.FAILED if any(finding.severity is Severity.BAD for finding in findings) else ExitCode.DONE
