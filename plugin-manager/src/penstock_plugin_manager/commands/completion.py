"""``completion``: a shell's completion script."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.commands.output import Result
from penstock_plugin_manager.commands.session import Session
from penstock_plugin_manager.errors import ManagerError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "shell", choices=("bash", "zsh", "fish", "ids"), help="the shell; ids prints the ids that it completes"
    )


def run(options: argparse.Namespace, session: Session) -> Result:
    """Print a completion script: commands and options, and the ids of installed and known providers.

    In bash: ``eval "$(plugin-manager completion bash)"``.
    """
    if options.shell == "ids":
        ids = _ids(session)
        return Result({"ids": ids}, ids)
    from penstock_plugin_manager.cli.registry import COMMANDS  # noqa: PLC0415  the one command that speaks of all others

    names = list(COMMANDS)
    if options.shell == "fish":
        text = _FISH.format(commands=" ".join(names))
    else:
        text = (_ZSH if options.shell == "zsh" else "") + _BASH.format(commands=" ".join(names), taking=_TAKING)
    return Result({"shell": options.shell, "script": text}, text.rstrip("\n").splitlines())


def _ids(session: Session) -> list[str]:
    """Return ids without touching the network; none where there is no environment to ask."""
    session.options.offline = True
    known = set(session.catalog) if session.project_found or session.options.env else set()
    try:
        known |= {each.id for each in session.providers} | set(session.catalog)
    except ManagerError:
        return sorted(known)
    return sorted(known)


_TAKING = "install|remove|upgrade|info|tree|isolate|enable|disable|resolve"
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"
_BASH = """_plugin_manager() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{commands}" -- "$word"))
    return
  fi
  case "$word" in
    -*) local options
        options="$(plugin-manager "${{COMP_WORDS[1]}}" --help 2>/dev/null | grep -oE '(^|[ ,])--[a-z-]+' | tr -d ' ,')"
        COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    *) case "${{COMP_WORDS[1]}}" in
         {taking}) COMPREPLY=($(compgen -W "$(plugin-manager completion ids 2>/dev/null)" -- "$word")) ;;
         *) COMPREPLY=($(compgen -f -- "$word")) ;;
       esac ;;
  esac
}}
complete -F _plugin_manager plugin-manager
"""
_FISH = """complete -c plugin-manager -f -n __fish_use_subcommand -a "{commands}"
complete -c plugin-manager -f -n "__fish_seen_subcommand_from install remove upgrade info tree isolate enable disable resolve" \\
  -a "(plugin-manager completion ids 2>/dev/null)"
"""
