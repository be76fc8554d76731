"""``penstock up``."""

import click

from penstock.cli.installation import require_project, run_everything, settings_of


@click.command()
@click.pass_context
def up(context: click.Context) -> int:
    """Run everything in this terminal: scheduler, local executor, loader. Ctrl-C stops it cleanly, a second one now."""
    settings = settings_of(context)
    require_project(settings)
    return run_everything(settings)
