"""``new``: a provider that works, to be changed into one's own."""

from __future__ import annotations

import argparse
import keyword
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from penstock_manifest.kinds import KINDS

from penstock_plugin_manager.apply.files import write_files
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

_LONGEST = 30
_LONGEST_LINE = 100
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
        UsageError: the id, a kind or another word cannot be used.
        ManagerError: a catalog has a provider of this id, or the folder is not empty.
    """
    provider_id = _checked_id(options.id)
    files = template_files()
    asked = _checked_kinds(options.kinds, template_kinds(files))
    kinds = with_what_they_need(asked, files)
    distribution = _checked_distribution(options.distribution or default_distribution(provider_id))
    name = _checked_line(options.name, "--name", provider_id.replace("_", " ").title())
    address = _checked_address(options.repository)
    if provider_id in session.with_options(offline=True).catalog:
        raise ManagerError(
            f"A catalog has a provider {provider_id!r} already; of two with one id, neither is active.",
            "Choose another id.",
        )
    folder = Path(options.folder or distribution).absolute()
    made = provider_files(provider_id, name, normalize(distribution), kinds, address)
    _write({str(folder / path): text for path, text in made.items()}, folder)
    lines = [f"Wrote {len(made)} files to {folder}: {', '.join(kinds)}."]
    if came := [kind for kind in kinds if kind not in asked]:
        lines.append(f"{', '.join(came)} came along, because the others use it.")
    if not address:
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


def _checked_distribution(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", text):
        raise UsageError(f"{text!r} is no name of a distribution.", "Use letters, digits and dashes.")
    if normalize(text) in {f"penstock-{part.replace('_', '-')}" for part in _OURS} | {"penstock"}:
        raise UsageError(f"{text!r} is a part of Penstock.", "Choose another name, or leave --distribution out.")
    return text


def _checked_line(text: str | None, option: str, otherwise: str) -> str:
    """One line that people read, which stands in TOML, Markdown and Python."""
    if text is None:
        return otherwise
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST_LINE or set(text) & set('"\\`'):
        raise UsageError(
            f"{option} {text[:_LONGEST_LINE]!r} cannot be written down.",
            f"Give one line of 1 to {_LONGEST_LINE} characters without quotes and backslashes.",
        )
    return text.strip()


def _checked_address(text: str | None) -> str:
    address = _checked_line(text, "--repository", "")
    if address and not re.fullmatch(r"https?://[^\s/]+/\S+", address):
        raise UsageError(f"--repository {address!r} is no address.", "Write it as https://HOST/OWNER/NAME.")
    return address.rstrip("/")


def _write(files: Mapping[str, str], folder: Path) -> None:
    """Write a new folder's files, or leave nothing behind.

    Raises:
        ManagerError: the folder is not empty, is none, or cannot be written to.
    """
    was_there = folder.exists()
    if was_there and not folder.is_dir():
        raise ManagerError(f"{folder} is there and is no folder.", "Name another one with --folder.")
    if was_there and any(folder.iterdir()):
        raise ManagerError(f"{folder} exists and is not empty.", "Name another folder with --folder.")
    try:
        write_files(files)
    except BaseException:
        for each in list(folder.iterdir()) if was_there else [folder]:
            shutil.rmtree(each, ignore_errors=True)
        raise


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
