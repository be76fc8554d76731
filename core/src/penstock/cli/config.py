"""``penstock config``."""

from typing import Any

import click
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from penstock.cli.installation import settings_of
from penstock.cli.output import json_option, print_json
from penstock.settings import SECTIONS, Settings


@click.group()
def config() -> None:
    """Show the settings."""


@config.command("show")
@json_option
@click.pass_context
def show(context: click.Context, *, as_json: bool) -> None:
    """Show every setting as it holds here, without secrets, and the paths that follow from them."""
    settings = settings_of(context)
    facts = _facts(settings)
    if as_json:
        print_json(facts)
        return
    click.echo(f"# {settings.file or 'no penstock.toml here or above: these are the defaults'}")
    for section in SECTIONS:
        click.echo(f"\n[{section}]")
        for key, value in facts[section].items():
            click.echo(f"{key} = {_toml(value)}")
    for name, chosen in facts["executors"].items():
        click.echo(f"\n[executors.{name}]")
        for key, value in chosen.items():
            click.echo(f"{key} = {_toml(value)}")
    click.echo("\n[queues]")
    for queue, executor in facts["queues"].items():
        click.echo(f"{_toml(queue)} = {_toml(executor)}")
    click.echo("\n# what follows from them")
    for key, value in facts["paths"].items():
        click.echo(f"# {key}: {value}")
    for key in ("connections", "variables"):
        click.echo(f"# {key} of the environment: {', '.join(facts[key]) or 'none'}")


def _facts(settings: Settings) -> dict[str, Any]:
    facts: dict[str, Any] = {"file": str(settings.file) if settings.file else None}
    for section, kind in SECTIONS.items():
        values = getattr(settings, section)
        facts[section] = {key: getattr(values, key) for key in kind.__struct_fields__}
    facts["database"]["url"] = _without_password(settings.database.url)
    facts["executors"] = {name: {"type": each.type, **each.options} for name, each in settings.executors.items()}
    facts["queues"] = settings.queues
    facts["paths"] = {
        "root": str(settings.root),
        "dags_folder": str(settings.dags_folder),
        "state_folder": str(settings.state_folder),
        "logs_folder": str(settings.logs_folder),
        "database": _without_password(settings.database_url),
        "keys": "PENSTOCK_SECRET_KEY" if settings.secret_keys else str(settings.key_file),
    }
    facts["connections"] = sorted(settings.connections)
    facts["variables"] = sorted(settings.variables)
    return facts


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True) if url else ""
    except ArgumentError:
        return "(cannot be read)"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)
