"""Writes the pages of the reference that follow from the code: ``python tools/reference.py --write``.

A test holds ``docs/reference`` to what this would write.
"""

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

import click
import msgspec

import execution_reference
import operations_reference
import penstock
import permissions_reference
import provider_spec
import server_reference
from house import glossary
from manifest_reference import with_tables
from penstock import errors
from penstock.author.abstract_operator import AbstractOperator
from penstock.author.run.context import ADJACENT, DATED, FILTERS, NAMES, Context
from penstock.cli.root import root
from penstock.metrics.exposition import sample_names
from penstock.metrics.metrics_table import FIGURES, MEASURED, Metric
from penstock.model.attempt import TryFacts, TryInputs
from penstock.settings import SECTIONS, BackendChoice, ServiceChoice
from penstock.settings.metrics import ScrapeSettings
from penstock.settings.sharing.queues import QueueChoice
from penstock.settings.sharing.tenants import TenantChoice
from penstock.spec.remote import RemoteOptions
from penstock.testing import FakeRuntime

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "reference"
_NOTE = "<!-- Written by tools/reference.py from the code; `nox -s docs` writes it anew. -->\n"
_OBJECTS = {
    "params": "the DAG's params, with what the run's `conf` overrides",
    "conf": "the `conf` that the run was triggered with",
    "var": "Variables: `var.value.KEY` is text, `var.json.KEY` its JSON",
    "conn": "connections: `conn.ID.host`, `conn.ID.login`, ...",
    "dag": "the DAG",
    "task": "the operator",
    "ti": "this try: `ti.xcom_pull(task_ids=...)`, `ti.xcom_push(key, value)`, `ti.try_number`, `ti.log`, `ti.get_dagrun()`, ...",
    "checkpoints": "what this task instance keeps from try to try: `checkpoints.get(key)`, `checkpoints.set(key, value)`",
    "task_state": "what the task keeps from run to run: `task_state.get(key)`, `.set(key, value)`, `.update(key, change)`",
    "asset_state": "by asset or URI, what it keeps from run to run: `asset_state[asset].get(key)`",
    "asset_state_store": "the same as `asset_state`",
    "task_state_store": "the same as `checkpoints`",
    "task_instance": "the same as `ti`",
    "dag_run": "the run: `run_id`, `run_type`, `conf`, `logical_date`, `external_trigger`, ...",
    "triggering_asset_events": "by asset, the events that the run was made for: `triggering_asset_events[asset][0].extra`",
    "triggering_dataset_events": "the same as `triggering_asset_events`",
    "inlet_events": "by asset, all events of the task's `inlets` that are kept",
    "outlet_events": "by asset, what the events of the task's `outlets` will carry: `outlet_events[asset].extra = {...}`",
    "inlets": "the assets that the task reads",
    "outlets": "the assets that the task makes",
    "macros": "`macros.ds_add`, `macros.ds_format`, `macros.datetime`, `macros.timedelta`, ...",
}


def command_line() -> str:
    """The page of the command line."""
    lines = ["# The command line\n", _NOTE, "Every command that prints results takes `--json`.\n", "## Exit codes\n"]
    lines += ["| code | meaning |", "|---|---|"]
    lines += [f"| {code.value} | {code.meaning} |" for code in errors.ExitCode]
    lines.append("\n`PENSTOCK_TRACEBACK=1` in the environment adds a traceback to an error.\n")
    lines += [
        "## Completion\n",
        "Commands, options and the names of DAGs, runs, tasks, connections, Variables, pools, assets are completed by bash, zsh, fish:\n",
        "```sh",
        'eval "$(_PENSTOCK_COMPLETE=bash_source penstock)"  # in ~/.bashrc; zsh_source, fish_source for the others',
        "```\n",
    ]
    lines += _commands(root, "penstock", None)
    return "\n".join(lines)


def _commands(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    helps = root.context_settings["help_option_names"]
    context = click.Context(
        command, info_name=name, parent=parent, max_content_width=100, terminal_width=100, help_option_names=helps
    )
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            if found is not None:
                yield from _commands(found, each, context)


def settings() -> str:
    """The page of the settings."""
    lines = [
        "# Settings\n",
        _NOTE,
        "`penstock.toml` is looked for in the working folder and upwards, unless `PENSTOCK_CONFIG` names it. Each key",
        "can be set by the environment, too, which goes first: `PENSTOCK_EXECUTOR__PARALLELISM=8` is `parallelism` in",
        "`[executor]`. `penstock config show` prints what holds here. The tables `[providers]`, `[plugin-manager]` and",
        "`[tool]` belong to others and are left alone.\n",
        "From the environment alone: `PENSTOCK_SECRET_KEY` (the keys that encrypt secrets, the first of which encrypts anew),",
        "`PENSTOCK_CONN_<ID>` (a connection as URI or JSON), `PENSTOCK_VAR_<KEY>` (a Variable); `PENSTOCK_SERVER` (the URL of a",
        "server that commands and workers ask), `PENSTOCK_TOKEN` (who asks it) and `PENSTOCK_SERVER_AUTHORITY` (certificates in PEM",
        "by which that server alone is verified, beside what the machine trusts; what it asks by TLS otherwise is not touched).\n",
        "A value that lies in a file, as secrets do in containers: `PENSTOCK_SECRET_KEY_FILE=/run/secrets/key`, and so for each variable",
        "but Variables.\n",
    ]
    for name, kind in SECTIONS.items():
        sentence, entries = _sections(inspect.getdoc(kind) or "")
        about = re.sub(r"^``\[\w+\]``[:.]\s*", "", sentence).strip()
        lines += [f"## [{name}]\n", *([about[:1].upper() + about[1:] + "\n"] if about else [])]
        lines += ["| key | default | meaning |", "|---|---|---|"]
        defaults = kind()
        for key, meaning in entries:
            lines.append(f"| `{key}` | `{getattr(defaults, key)!r}` | {meaning} |")
        lines.append("")
    return _markdown([*lines, *_named_entries()])


def _named_entries() -> list[str]:
    """The tables whose entries have names of the user's own."""
    return [
        "## [secrets.NAME]\n",
        'A secrets backend by a name of your own: `NAME = "TYPE"` in `[secrets]`, or a table with `type`, the capability id of the',
        "backend, and the parameters of that; beside them:\n",
        *_own_keys(BackendChoice),
        "## [metrics.NAME]\n",
        'A metrics sink by a name of your own: `NAME = "TYPE"` in `[metrics]`, or a table with `type`, the capability id of the sink,',
        "and the parameters of that.\n",
        "The type `prometheus` is built in, with these:\n",
        *_own_keys(ScrapeSettings),
        "## [executors]\n",
        'Executors by names of your own: `NAME = "TYPE"`, or a table `[executors.NAME]` with `type` and options. A type is',
        "`local`, whose options are the keys of `[executor]`, or the capability id of a provider's executor,",
        "whose options are its parameters. The executor `local` is always there. One whose workers are elsewhere has these, too:\n",
        *_own_keys(RemoteOptions),
        "## [services]\n",
        'Services by names of your own: `NAME = "TYPE"`, or a table `[services.NAME]` with `type`, the capability id of the service,',
        "and the parameters of that; what is not named here does not run. Beside them:\n",
        *_own_keys(ServiceChoice),
        "## [queues]\n",
        '`QUEUE = "EXECUTOR"`: which executor runs the tries of a queue; those of queues that are not listed run on `local`.',
        "A table `[queues.QUEUE]` may limit the queue and its workers, too:\n",
        *_own_keys(QueueChoice),
        "## [tenants]\n",
        "`TENANT = WEIGHT`: [how those who share the installation](../how-to/limits.md#share-between-teams) share what is limited; DAGs",
        "name their tenant. A table `[tenants.TENANT]` may limit it, too:\n",
        *_own_keys(TenantChoice),
        "## [notifiers]\n",
        "Channels of alerts by names of your own: a table `[notifiers.NAME]` with `type` and options. A type is `smtp`, with `to`,",
        "`conn_id` and `from_email`, or the capability id of a provider's notifier, whose options are its parameters.\n",
    ]


def metrics() -> str:
    """The page of what is measured."""
    lines = [
        "# Metrics\n",
        _NOTE,
        "What Penstock measures if the settings name a [metrics sink](../how-to/metrics.md). A *counter* is added up, of a *gauge*",
        "the last value counts, a *timing* is spread over spans of time. Units are those of UCUM. The second column says what",
        "Prometheus asks for; of a timing, the number of its values, beside which there are `_sum` and `_bucket`.\n",
        "## What processes measure\n",
        *_metrics(MEASURED),
        "\n## Figures of the installation\n",
        "They are read from the database when somebody asks, at most once in ten seconds, and only the sink `prometheus` has them.\n",
        *_metrics(FIGURES),
    ]
    return _markdown(lines)


def _metrics(rows: Iterable[Metric]) -> Iterator[str]:
    yield from ("| name | at Prometheus | kind | unit | tags | meaning |", "|---|---|---|---|---|---|")
    for each in rows:
        tags = ", ".join(f"`{tag}`" for tag in each.tags)
        yield f"| `{each.name}` | `{sample_names(each)[-1]}` | {each.kind} | `{each.unit}` | {tags} | {each.meaning} |"


def _own_keys(kind: type[msgspec.Struct]) -> Iterator[str]:
    """The keys of an entry that the core reads itself."""
    entries = dict(_sections(inspect.getdoc(kind) or "")[1])
    yield from ("| key | default | meaning |", "|---|---|---|")
    for field in msgspec.structs.fields(kind):
        if field.name not in ("type", "options"):
            yield f"| `{field.name}` | `{field.default!r}` | {entries[field.name]} |"
    yield ""


def authoring() -> str:
    """The page of what DAG authors write with."""
    lines = ["# What DAG files use\n", _NOTE, "Every name is imported from `penstock`.\n"]
    for name in sorted((each for each in penstock.__all__ if not each.startswith("_")), key=str.lower):
        found = getattr(penstock, name)
        sentence, entries = _sections(inspect.getdoc(found) or "")
        lines += [f"## {name}\n", *_signature(name, found), sentence + "\n"]
        lines += [*(f"- `{key}`: {meaning}" for key, meaning in entries), ""] if entries else []
        members = list(_members(found))
        lines += [*members, ""] if members else []
    return _markdown([*lines, *_templates()])


def _members(found: object) -> Iterator[str]:
    """Public methods of a class, or of an object that is called, with their first sentences; the values of an enum."""
    if inspect.isclass(found) and issubclass(found, Enum):
        yield f"Values: {', '.join(f'`{each.value}`' for each in found)}."
    elif not inspect.isfunction(found):
        cls = found if inspect.isclass(found) else type(found)
        # What Operator shares with mapped tasks stands in its base, which has no section of its own.
        members = {**vars(AbstractOperator), **vars(cls)} if cls is penstock.Operator else vars(cls)
        for name, member in members.items():
            function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            if inspect.isfunction(function) and not name.startswith("_"):
                yield f"- `.{name}({_shown(function)})`: {(inspect.getdoc(function) or '').split(chr(10) * 2)[0]}"


def _shown(function: Callable[..., object]) -> str:
    """The parameters of a function without their types; a default that only marks an absence is shown as dots."""
    shown = []
    for each in inspect.signature(function).parameters.values():
        default = _Dots() if type(each.default) is object else each.default
        if each.name not in ("self", "cls"):
            shown.append(str(each.replace(annotation=each.empty, default=default)))
    return ", ".join(shown)


class _Dots:
    """Shown in place of a default."""

    def __repr__(self) -> str:
        return "..."


def _signature(name: str, found: object) -> Iterator[str]:
    if inspect.isclass(found) and not issubclass(found, Exception | Enum):
        own = inspect.isfunction(found.__init__)
        yield f"```text\n{name}({_shown(found.__init__ if own else found)})\n```\n"
    elif callable(found) and not inspect.isclass(found):
        yield f"```text\n{name}({_shown(found)})\n```\n"


def _templates() -> Iterator[str]:
    yield "## Templates\n"
    yield "Text in the `template_fields` of an operator is rendered by Jinja with these names, which are also the keys of"
    yield "the context. The values are those of the hourly run of 2026-01-31 06:00.\n"
    yield "| name | value |\n|---|---|"
    start, end = datetime(2026, 1, 31, 6, tzinfo=UTC), datetime(2026, 1, 31, 7, tzinfo=UTC)
    with penstock.DAG("readings", schedule="@hourly", start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        task = penstock.EmptyOperator(task_id="measure")
    run_id = f"scheduled__{start.isoformat()}"
    facts = TryFacts("readings", run_id, "measure", logical_date=start, interval_start=start, interval_end=end)
    context = Context(facts, TryInputs(), FakeRuntime(), task)
    for name in NAMES:
        yield f"| `{name}` | {_OBJECTS.get(name) or f'`{context[name]}`'} |"
    yield f"\nFilters over instants: {', '.join(f'`{name}`' for name in FILTERS)}. The DAG's `user_defined_macros` come first."
    only = ", ".join(f"`{name}`" for name in DATED if name not in ADJACENT)
    yield f"A run without a logical date has none of {only}; names that begin with `prev_` and `next_` need a schedule.\n"


def failures() -> str:
    """The page of the errors."""
    tree = (errors.__doc__ or "").partition("::")[2].partition("A message says")[0]
    lines = [
        "# Errors\n",
        _NOTE,
        "One root, and branches by who must act.\n",
        f"```text\n{inspect.cleandoc(tree)}\n```\n",
    ]
    for name, found in vars(errors).items():
        if inspect.isclass(found) and issubclass(found, Exception):
            sentence, entries = _sections(inspect.getdoc(found) or "")
            lines += [f"## {name}\n", sentence + "\n", *(f"- `{key}`: {meaning}" for key, meaning in entries)]
            lines += [""] if entries else []
            if issubclass(found, errors.PenstockError):
                code = errors.ExitCode.of(found)
                lines += [f"A command that it ends has the exit code {code.value}: {code.meaning}.\n"]
    lines += ["## ErrorKind\n", (inspect.getdoc(errors.ErrorKind) or "") + "\n", "| kind | retried |", "|---|---|"]
    lines += [f"| `{kind.value}` | {'yes' if kind.retryable else 'no'} |" for kind in errors.ErrorKind]
    return _markdown([*lines, ""])


def _markdown(lines: Sequence[str]) -> str:
    """Lines of a page, the docstrings' double backquotes made single ones."""
    return re.sub(r"(?<!`)``(?!`)", "`", "\n".join(lines))


def _sections(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The prose of a Google docstring, and the entries of its ``Args`` and ``Attributes``."""
    prose: list[str] = []
    entries: list[tuple[str, str]] = []
    inside = ""
    for line in text.splitlines():
        header = re.fullmatch(r"(Args|Attributes|Raises|Returns|Yields|Example|Examples|Source):", line)
        if header:
            inside = header[1]
        elif line and not line.startswith(" "):
            inside = ""
            prose.append(line)
        elif inside in ("Args", "Attributes"):
            entry = re.fullmatch(r" {4}([\w*, ]+): (.*)", line)
            if entry:
                entries.append((entry[1], entry[2]))
            elif entries and line.strip():
                entries[-1] = (entries[-1][0], f"{entries[-1][1]} {line.strip()}")
        elif not inside:
            prose.append(line)
    return "\n".join(prose).strip(), entries


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": command_line,
    "settings.md": settings,
    "authoring.md": authoring,
    "errors.md": failures,
    "metrics.md": metrics,
    "glossary.md": lambda: glossary.page(_NOTE),
    "operations.md": lambda: operations_reference.page(_NOTE),
    "permissions.md": lambda: permissions_reference.page(_NOTE),
    "execution-api.md": lambda: execution_reference.page(_NOTE),
    "server.md": lambda: server_reference.page(_NOTE),
    "provider-spec.md": lambda: provider_spec.page(_NOTE),
    "provider-manifest.md": lambda: with_tables((FOLDER / "provider-manifest.md").read_text()),
}


def stale(folder: Path) -> list[str]:
    """Names of the pages of a folder that are not what the code says today."""
    texts = {name: page() for name, page in PAGES.items()}
    return [
        name for name, text in texts.items() if not (folder / name).is_file() or (folder / name).read_text() != text
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Say which pages are stale, or write them."""
    parser = argparse.ArgumentParser(prog="reference", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the pages that are stale")
    given = parser.parse_args(arguments)
    names = stale(FOLDER)
    for name in names:
        if given.write:
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / name).write_text(PAGES[name]())
        print(f"{'wrote' if given.write else 'stale:'} {FOLDER.name}/{name}")
    return 1 if names and not given.write else 0


if __name__ == "__main__":
    sys.exit(main())
