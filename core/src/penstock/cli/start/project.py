"""``penstock init`` and ``penstock up``: from an empty folder to a project, and its processes."""

from pathlib import Path

import click

from penstock.cli.installation import new_project, require_here, require_project, run_everything, settings_of
from penstock.cli.terminal import json_option, print_json, print_line, print_remark
from penstock.service.project import make_project


@click.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--example/--no-example", default=True, show_default=True, help="Write a first DAG file.")
@click.option(
    "--compose", is_flag=True, help="Write the folder compose: containers of one machine, with Celery workers."
)
@click.option("--helm", is_flag=True, help="Write the folder helm: a chart for Kubernetes.")
@json_option
@click.pass_context
def init(context: click.Context, folder: Path, *, example: bool, compose: bool, helm: bool, as_json: bool) -> None:
    """Make a project in FOLDER: penstock.toml, a DAGs folder, the database, the key. Existing files are kept."""
    require_here(context)
    project = make_project(folder, context.obj, example=example)
    with new_project(project.settings) as installation:
        name, made = installation.store.name, list(project.made)
        if compose or helm:
            from penstock.service.starts import starts  # noqa: PLC0415 - what makes certificates is slow to import

            made += starts.add_compose(project.root, installation.now()) if compose else []
            made += starts.add_helm(project.root) if helm else []
            if lacks := starts.lacking(project.root):
                print_remark(
                    f"requirements.txt was there, and names not all of Penstock that containers need: add {', '.join(lacks)}"
                )
    dags_folder = str(project.settings.dags_folder)
    if as_json:
        print_json({"root": str(project.root), "made": made, "database": name, "dags_folder": dags_folder})
        return
    for path in made:
        print_line(f"wrote {path}")
    print_line(f"database: {name}")
    install = "helm install penstock helm/penstock --values helm/values.yaml, once that names your image"
    commands = {"docker compose --file compose/compose.yaml up": compose, install: helm}
    chosen = [command for command, wanted in commands.items() if wanted]
    print_line(f"DAG files belong into {dags_folder}. Start with: {', or '.join(chosen or ['penstock up'])}")


@click.command()
@click.pass_context
def up(context: click.Context) -> int:
    """Run everything in this terminal: scheduler, local executor, loader. Ctrl-C stops it cleanly, a second one now."""
    require_here(context)
    settings = settings_of(context)
    require_project(settings)
    return run_everything(settings)
