"""``penstock export``."""

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import click

from penstock.cli import names, requests
from penstock.cli.installation import project
from penstock.cli.streams import LogOutput
from penstock.cli.terminal import print_remark
from penstock.errors import ConfigError
from penstock.service.history import export as service


@click.command("export")
@click.argument("kind", type=click.Choice([kind.value for kind in service.ExportKind]))
@click.option("--dag", "dag_ids", type=names.DAG, multiple=True, help="Only of this DAG; may be given several times.")
@click.option("--since", default=None, metavar="ISO", help="Only what was stored then or later: of tasks, the run.")
@click.option("--until", default=None, metavar="ISO", help="Only what was stored before.")
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in service.ExportFormat]),
    default=service.ExportFormat.JSONL.value,
    show_default=True,
    help="JSON, one object a line; or CSV.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE",
    help="Write a file, all of it or nothing; else standard output.",
)
@click.pass_context
def export(
    context: click.Context,
    kind: str,
    dag_ids: tuple[str, ...],
    since: str | None,
    until: str | None,
    form: str,
    output: Path | None,
) -> None:
    """Write all runs, task instances, tries, entries of the audit or events of assets as lines, oldest first.

    Secrets are hidden. However much there is, little of it is in memory at once.
    """
    first, end = requests.read_date(since, "--since"), requests.read_date(until, "--until")
    with project(context) as installation:
        pieces = service.export_lines(
            installation,
            service.ExportKind(kind),
            dag_ids=dag_ids,
            since=first,
            until=end,
            form=service.ExportFormat(form),
        )
        if output is None:
            shown = LogOutput()
            for piece in pieces:
                shown.write(piece)
            shown.flush()
        else:
            print_remark(f"wrote {_write_whole(output, pieces):,} bytes to {output}")


def _write_whole(path: Path, pieces: Iterable[bytes]) -> int:
    """Write a file that only its owner may read, in place of any; returns its bytes."""
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise ConfigError(f"{path} is no regular file. Leave out --output, and send standard output there.")
    part = ""
    try:
        descriptor, part = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(descriptor)
            written = file.tell()
        os.replace(part, target)  # noqa: PTH105 - as the part is named
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}. What was there before stays.") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            if part:
                os.unlink(part)  # noqa: PTH108 - as above
    return written
