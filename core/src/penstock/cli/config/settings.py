"""``penstock config``: the settings."""

from typing import Any

import click

from penstock.cli.installation import require_here, settings_of
from penstock.cli.terminal import json_option, print_json, print_line
from penstock.service.database.admin import show_settings
from penstock.settings import SECTIONS


@click.group()
def config() -> None:
    """Show the settings."""


@config.command("show")
@json_option
@click.pass_context
def show(context: click.Context, *, as_json: bool) -> None:
    """Show every setting as it holds here, without secrets, and the paths that follow from them."""
    require_here(context)
    settings = settings_of(context)
    facts = show_settings(settings)
    if as_json:
        print_json(facts)
        return
    print_line(f"# {settings.file or 'no penstock.toml here or above: these are the defaults'}")
    for section in SECTIONS:
        print_line(f"\n[{section}]")
        for key, value in facts[section].items():
            print_line(f"{key} = {_toml(value)}")
    for table, entries in (("secrets", "secrets_backends"), ("executors", "executors"), ("services", "services")):
        for name, chosen in facts[entries].items():
            print_line(f"\n[{table}.{name}]")
            for key, value in chosen.items():
                print_line(f"{key} = {_toml(value)}")
    _show_shares(facts)
    print_line("\n# what follows from them")
    for key, value in facts["paths"].items():
        print_line(f"# {key}: {value}")
    for key in ("connections", "variables"):
        print_line(f"# {key} of the environment: {', '.join(facts[key]) or 'none'}")


def _show_shares(facts: dict[str, Any]) -> None:
    print_line("\n[queues]")
    for queue, executor in facts["queues"].items():
        written = {
            "executor": executor,
            "max_active_tasks": facts["queue_limits"].get(queue),
            **facts["queue_workers"][queue],
        }
        print_line(f"{_toml(queue)} = {_toml({key: value for key, value in written.items() if value is not None})}")
    print_line("\n[tenants]")
    for tenant, rule in facts["tenants"].items():
        print_line(f"{_toml(tenant)} = {_toml({key: value for key, value in rule.items() if value is not None})}")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(each)}' for key, each in value.items())} }}"
    return f'"{value}"' if isinstance(value, str) else str(value)
