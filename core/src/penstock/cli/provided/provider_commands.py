"""Commands that installed providers bring, made from their manifests alone."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

import click

from penstock.cli.installation import anywhere, on_this_machine
from penstock.cli.provided.visible_output import visible_output
from penstock.cli.terminal import VisibleContext, json_text
from penstock.service.choices.command_words import command_word
from penstock.service.choices.commands import run_command
from penstock_manifest.format import Capability, Parameter

_PLAIN: Mapping[str, Any] = {"str": click.STRING, "int": click.INT, "float": click.FLOAT}


class _ProviderGroup(click.Group):
    context_class = VisibleContext


class _ProviderCommand(click.Command):
    context_class = VisibleContext


def provider_command(context: click.Context, word: str) -> click.Command | None:
    """What a first word calls: a command of a provider, or the group of those that begin with it; None if nobody has the word.

    Raises:
        UsageError: Several providers claim it, or the provider of this id has no such command, or is broken.
        ConfigError: The settings cannot be read.
    """
    with on_this_machine(context) as installation:
        host = installation.host
        found = command_word(host, word)
        if found.problem:
            raise click.UsageError(f"The command cannot be called: {found.problem}.", context)
        if found.commands:
            if len(found.commands[0].words) == 1:
                return _command(word, found.commands[0])
            group = _ProviderGroup(word, help=found.about)
            for each in found.commands:
                group.add_command(_command(each.words[1], each))
            return group
        if word not in host.ids():
            return None
        provider = host.provider(word)
    if provider.manifest is None:
        reason = "; ".join(provider.problems)
        raise click.UsageError(f"The commands of the provider {word!r} cannot be called: {reason}", context)
    others = [" ".join(("penstock", *each.words)) for each in provider.manifest.capabilities if each.kind == "commands"]
    instead = f" named so. It has: {', '.join(others)}." if others else "."
    raise click.UsageError(f"The provider {word!r} is installed, and has no commands{instead}", context)


def _command(name: str, capability: Capability) -> click.Command:
    def called(**given: Any) -> int:  # noqa: ANN401 - by its parameters
        context = click.get_current_context()
        arguments = {name: _plain(value) for name, value in given.items() if value not in (None, ())}
        with anywhere(context) as asked, on_this_machine(context) as here:
            host = asked.host if asked.remote is None else here.host
            with visible_output():  # it prints what it likes: names and values that others have stored, too
                return run_command(host, asked, capability.id, arguments)

    parameters = [_parameter(each) for each in capability.parameters]
    return _ProviderCommand(name, callback=called, params=parameters, help="\n\n".join(_help(capability)))


def _help(capability: Capability) -> Iterator[str]:
    yield capability.doc
    required = [each for each in capability.parameters if each.required]
    if required:
        yield "\b\n" + "\n".join(f"{each.name.upper()}  {each.doc}" for each in required)


def _parameter(parameter: Parameter) -> click.Parameter:
    kind, many = _type(parameter.type)
    if parameter.required:
        return click.Argument([parameter.name], type=kind, nargs=-1 if many else 1, required=True)
    option = f"--{parameter.name.replace('_', '-')}"
    about = parameter.doc + ("" if parameter.default is None else f"  [default: {_shown(parameter.default)}]")
    if kind is click.BOOL:
        return click.Option([f"{option}/--no-{option[2:]}", parameter.name], default=None, help=about)
    return click.Option([option, parameter.name], type=kind, multiple=many, default=None, help=about)


def _type(written: str) -> tuple[Any, bool]:
    """The type of an argument as it is written in Python, and whether there may be several; any that is not plain is text."""
    found: tuple[Any, bool] = (click.STRING, False)
    try:
        tree: ast.expr = ast.parse(written, mode="eval").body
    except SyntaxError:
        return found
    while isinstance(tree, ast.BinOp):  # the first of `int | None`
        tree = tree.left
    if isinstance(tree, ast.Name):
        found = (
            (click.BOOL, False)
            if tree.id == "bool"
            else (_PLAIN.get(tree.id, click.STRING), tree.id in ("list", "tuple"))
        )
    elif isinstance(tree, ast.Subscript) and isinstance(tree.value, ast.Name):
        if tree.value.id == "Literal":
            inner = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
            values = [str(each.value) for each in inner if isinstance(each, ast.Constant)]
            found = click.Choice(values), False
        elif tree.value.id in ("list", "tuple"):
            first = tree.slice.elts[0] if isinstance(tree.slice, ast.Tuple) else tree.slice
            found = _type(ast.unparse(first))[0], True
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 - what click has read
    return list(value) if isinstance(value, tuple) else value


def _shown(default: object) -> str:
    return default if isinstance(default, str) else json_text(default)
