"""``penstock up``."""

import click

from penstock.cli.installation import settings_of


@click.command()
@click.pass_context
def up(context: click.Context) -> int:
    """Run everything in this terminal: scheduler, local executor, loader, waiters. Ctrl-C stops it cleanly."""
    from penstock import app  # noqa: PLC0415 - imports all of Penstock

    return app.up(settings_of(context))
