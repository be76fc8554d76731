"""``penstock init``: from an empty folder to a project."""

from pathlib import Path

import click

from penstock.app.compose import make_state_folder, open_store
from penstock.cli.output import json_option, print_json
from penstock.errors import ConfigError
from penstock.settings import FILE, load_settings

_SETTINGS = """\
# Settings of this Penstock project; `penstock config show` lists all of them with their values.
[core]
dags_folder = "dags"
"""
_DAG = '''\
"""A first DAG: two tasks, once an hour."""

from datetime import datetime, timezone

from penstock import DAG, task

with DAG("hello", schedule="@hourly", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):

    @task
    def name() -> str:
        return "world"

    @task
    def greet(name: str) -> None:
        print(f"hello, {name}")

    greet(name())
'''


@click.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--example/--no-example", default=True, show_default=True, help="Write a first DAG file.")
@json_option
@click.pass_context
def init(context: click.Context, folder: Path, *, example: bool, as_json: bool) -> None:
    """Make a project in FOLDER: penstock.toml, a DAGs folder, the database, the key. Existing files are kept."""
    root = folder.absolute()
    made: list[str] = []
    try:
        root.mkdir(parents=True, exist_ok=True)
        _write(root / FILE, _SETTINGS, made)
        settings = load_settings({**context.obj, "PENSTOCK_CONFIG": str(root / FILE)}, root)
        if example and not settings.dags_folder.exists():
            settings.dags_folder.mkdir(parents=True)
            _write(settings.dags_folder / "hello.py", _DAG, made)
        settings.dags_folder.mkdir(parents=True, exist_ok=True)
        make_state_folder(settings)
        _write(settings.state_folder / ".gitignore", "*\n", made)
    except OSError as error:
        raise ConfigError(
            f"{error.filename}: cannot be made: {error.strerror}. Check its folder's owner and mode."
        ) from None
    with open_store(settings) as store:
        name = store.name
    if as_json:
        print_json({"root": str(root), "made": made, "database": name, "dags_folder": str(settings.dags_folder)})
        return
    for path in made:
        click.echo(f"wrote {path}")
    click.echo(f"database: {name}")
    click.echo(f"DAG files belong into {settings.dags_folder}. Start with: penstock up")


def _write(path: Path, text: str, made: list[str]) -> None:
    if not path.exists():
        path.write_text(text, encoding="utf-8")
        made.append(str(path))
