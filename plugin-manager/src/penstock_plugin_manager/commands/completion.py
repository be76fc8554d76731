"""``completion``: a shell's completion script."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.output import Result
from penstock_plugin_manager.registry import COMMANDS, command_parser


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
    offered = {name: _options(command_parser(name)[0]) for name in COMMANDS}
    text = {"bash": _bash, "zsh": _zsh, "fish": _fish}[options.shell](offered)
    return Result({"shell": options.shell, "script": text}, text.rstrip("\n").splitlines())


def _options(parser: argparse.ArgumentParser) -> list[str]:
    """Return the long options of a command, and the words that it takes in a fixed place, such as ``create`` of ``bundle``."""
    found = []
    for action in parser._actions:  # noqa: SLF001  argparse has no other list of what it was given
        found += [text for text in action.option_strings if text.startswith("--")]
        found += [] if action.option_strings else [str(each) for each in action.choices or ()]
    return found


def _bash(offered: Mapping[str, list[str]]) -> str:
    cases = "\n".join(f"    {name}) words='{' '.join(words)}' ;;" for name, words in offered.items())
    return _BASH.format(commands=" ".join(offered), taking="|".join(_TAKING), cases=cases)


def _zsh(offered: Mapping[str, list[str]]) -> str:
    return _ZSH + _bash(offered)


def _fish(offered: Mapping[str, list[str]]) -> str:
    lines = [f'complete -c plugin-manager -f -n __fish_use_subcommand -a "{" ".join(offered)}"']
    for name, words in offered.items():
        seen = f'complete -c plugin-manager -n "__fish_seen_subcommand_from {name}"'
        lines += [f"{seen} -l {word[2:]}" for word in words if word.startswith("--")]
        fixed = " ".join(word for word in words if not word.startswith("--"))
        lines += [f'{seen} -f -a "{fixed}"'] if fixed else []
    taking = " ".join(_TAKING)
    ids = '-f -a "(plugin-manager completion ids 2>/dev/null)"'
    lines.append(f'complete -c plugin-manager -n "__fish_seen_subcommand_from {taking}" {ids}')
    return "\n".join(lines) + "\n"


def _ids(session: Session) -> list[str]:
    """Return ids without touching the network; none where there is no environment to ask."""
    session = session.with_options(offline=True)
    known = set(session.catalog) if session.project_found or session.options.env else set()
    try:
        known |= {each.id for each in session.providers} | set(session.catalog)
    except ManagerError:
        return sorted(known)
    return sorted(known)


_TAKING = ("install", "remove", "upgrade", "info", "tree", "isolate", "enable", "disable", "resolve")
_ZSH = """(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
autoload -Uz +X bashcompinit && bashcompinit
"""
_BASH = """_plugin_manager() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{commands}" -- "$word"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{cases}
  esac
  case "$word" in
    -*) ;;
    *) case "${{COMP_WORDS[1]}}" in
         {taking}) words="$(plugin-manager completion ids 2>/dev/null)" ;;
       esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [ "${{#COMPREPLY[@]}}" -eq 0 ]; then
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -F _plugin_manager plugin-manager
"""
