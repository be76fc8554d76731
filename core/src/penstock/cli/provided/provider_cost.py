"""``penstock providers cost``: what a provider costs, measured."""

import click

from penstock.cli import names
from penstock.cli.installation import anywhere
from penstock.cli.terminal import json_option, print_fields, print_json, print_line, print_table
from penstock.errors import ExitCode
from penstock.service.cost import provider_cost as service


@click.command("cost")
@click.argument("provider_id", type=names.PROVIDER)
@json_option
@click.pass_context
def measure_provider(context: click.Context, provider_id: str, *, as_json: bool) -> int:
    """Measure what a provider costs: its import, in a process of its own, and what it brings along; exit code 1 if that fails."""
    with anywhere(context) as installation:
        found = service.measure_provider(installation, provider_id)
    code = ExitCode.FAILED if found.problem else ExitCode.DONE
    if as_json:
        print_json(found)
        return code
    took = f"fails: {found.problem}" if found.import_ms is None else f"{found.import_ms:.0f} ms"
    print_fields({"provider": found.id, "import": took, "takes": f"{found.bytes / 1e6:.1f} MB"})
    print_line("")
    rows = [(each.name, each.version, f"{each.bytes / 1e6:.1f} MB") for each in found.distributions]
    print_table(["distribution", "version", "takes"], rows, empty="no distribution comes with it.")
    return code
