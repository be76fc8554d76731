"""``penstock init`` and ``penstock up``: from an empty folder to a project, and its processes."""

from pathlib import Path

import click

from penstock.cli.installation import new_project, require_here, require_project, run_everything, settings_of
from penstock.cli.terminal import json_option, print_json, print_line
from penstock.service.project import make_project


@click.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--example/--no-example", default=True, show_default=True, help="Write a first DAG file.")
@json_option
@click.pass_context
def init(context: click.Context, folder: Path, *, example: bool, as_json: bool) -> None:
    """Make a project in FOLDER: penstock.toml, a DAGs folder, the database, the key. Existing files are kept."""
    require_here(context)
    project = make_project(folder, context.obj, example=example)
    with new_project(project.settings) as installation:
        name = installation.store.name
    dags_folder = str(project.settings.dags_folder)
    if as_json:
        print_json({"root": str(project.root), "made": project.made, "database": name, "dags_folder": dags_folder})
        return
    for path in project.made:
        print_line(f"wrote {path}")
    print_line(f"database: {name}")
    print_line(f"DAG files belong into {dags_folder}. Start with: penstock up")


@click.command()
@click.pass_context
def up(context: click.Context) -> int:
    """Run everything in this terminal: scheduler, local executor, loader. Ctrl-C stops it cleanly, a second one now."""
    require_here(context)
    settings = settings_of(context)
    require_project(settings)
    return run_everything(settings)
