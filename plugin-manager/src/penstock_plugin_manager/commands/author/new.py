"""``new``: a provider that works, to be changed into one's own."""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from pathlib import Path

from penstock_manifest.kinds import KINDS

from penstock_plugin_manager.apply.files import write_text
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.commands.author.template import (
    provider_files,
    template_files,
    template_kinds,
    with_what_they_need,
)
from penstock_plugin_manager.errors import ManagerError, UsageError
from penstock_plugin_manager.model.names import default_distribution, is_id, normalize
from penstock_plugin_manager.output import Result, next_command

_LONGEST = 40
_DEFAULT_KINDS = ("hooks", "operators", "sensors")
_OURS = frozenset({"core", "manifest", "plugin_manager", "testkit", "server", "penstock"})


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("id", metavar="ID", help="the provider's id: lower-case letters, digits and underscores")
    parser.add_argument(
        "--kinds", metavar="KINDS", help=f"what it offers, with commas (default: {','.join(_DEFAULT_KINDS)})"
    )
    parser.add_argument("--folder", metavar="DIR", help="where to (default: penstock-providers-ID here)")
    parser.add_argument("--name", metavar="TEXT", help="the name that the user reads")
    parser.add_argument("--distribution", metavar="NAME", help="the distribution (default: penstock-providers-ID)")
    parser.add_argument("--repository", metavar="URL", help="where its sources will be, for the links on its page")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Make a provider that works: package, manifest, code and tests of each kind, docs, changelog, workflows of CI and release.

    Its tests are green as it is, and it builds, validates and installs. Kinds that others need come along.

    Raises:
        UsageError: the id, a kind or the distribution's name cannot be used.
        ManagerError: a catalog has a provider of this id, or the folder is not empty.
    """
    provider_id = _checked_id(options.id)
    files = template_files()
    asked = _checked_kinds(options.kinds, template_kinds(files))
    kinds = with_what_they_need(asked, files)
    distribution = options.distribution or default_distribution(provider_id)
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", distribution):
        raise UsageError(f"{distribution!r} is no name of a distribution.", "Use letters, digits and dashes.")
    if provider_id in session.with_options(offline=True).catalog:
        raise ManagerError(
            f"A catalog has a provider {provider_id!r} already; of two with one id, neither is active.",
            "Choose another id.",
        )
    folder = Path(options.folder or distribution).absolute()
    if folder.exists() and any(folder.iterdir()):
        raise ManagerError(f"{folder} exists and is not empty.", "Name another folder with --folder.")
    name = options.name or provider_id.replace("_", " ").title()
    made = provider_files(provider_id, name, normalize(distribution), kinds, options.repository or "")
    for path, text in made.items():
        write_text(folder / path, text)
    lines = [f"Wrote {len(made)} files to {folder}: {', '.join(kinds)}."]
    if came := [kind for kind in kinds if kind not in asked]:
        lines.append(f"{', '.join(came)} came along, because the others use it.")
    if not options.repository:
        lines.append(
            "Its links lead nowhere yet: write the repository's address into pyproject.toml, or give --repository."
        )
    data = {"id": provider_id, "folder": str(folder), "kinds": list(kinds), "files": sorted(made)}
    return Result(data, [*lines, next_command(f"validate {folder}")])


def _checked_id(text: str) -> str:
    """The provider's id; a dash is as good as an underscore.

    Raises:
        UsageError: it cannot be one.
    """
    provider_id = text.replace("-", "_")
    if not is_id(provider_id) or provider_id.endswith("_") or "__" in provider_id:
        raise UsageError(
            f"{text!r} is no provider id.", "Use lower-case letters, digits and single underscores, a letter first."
        )
    if len(provider_id) > _LONGEST:
        raise UsageError(
            f"{provider_id!r} has {len(provider_id)} characters.",
            f"Use at most {_LONGEST}: people type it, and it is in every capability's id.",
        )
    if keyword.iskeyword(provider_id) or keyword.issoftkeyword(provider_id):
        raise UsageError(f"{provider_id!r} is a word of Python.", "Name the service.")
    if provider_id in sys.stdlib_module_names:
        raise UsageError(f"{provider_id!r} is a module of Python's own.", "Name the service.")
    if provider_id in _OURS:
        raise UsageError(f"{provider_id!r} is a part of Penstock.", "Name the service.")
    return provider_id


def _checked_kinds(text: str | None, offered: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds that were asked for.

    Raises:
        UsageError: one is no kind, or the template has none of it.
    """
    asked = (
        tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
        if text is not None
        else _DEFAULT_KINDS
    )
    for kind in asked:
        if kind not in offered:
            why = "is a kind of which `new` writes nothing" if kind in KINDS else "is no kind of capability"
            raise UsageError(f"{kind!r} {why}.", f"Choose among {', '.join(offered)}.")
    if not asked:
        raise UsageError("--kinds names none.", f"Choose among {', '.join(offered)}.")
    return asked
