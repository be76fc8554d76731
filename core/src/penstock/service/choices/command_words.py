"""The words that call commands of providers: who has the first of them, and who contests it."""

from typing import NamedTuple

from penstock.plugins.host import PluginHost
from penstock_manifest.format import Capability


class CommandWord(NamedTuple):
    """The first word of commands of providers.

    Attributes:
        word: What is typed behind ``penstock``.
        commands: The commands that begin with it.
        about: What it is, for the list of all commands.
        owners: Ids of the providers that have such commands, or the word as their id; none is active there if they are several.
    """

    word: str
    commands: tuple[Capability, ...]
    about: str
    owners: tuple[str, ...]

    @property
    def problem(self) -> str:
        """Why none of the commands can be called, as the end of a sentence; "" if they can."""
        if len(self.owners) < 2:
            return ""
        names = " and ".join(repr(each) for each in self.owners)
        return f"`penstock {self.word}` is claimed by the providers {names}; neither is active there until only one of them is installed"


def command_word(host: PluginHost, word: str) -> CommandWord:
    """Find the commands that begin with a word; only manifests that hold it are read."""
    return _word(host, word, host.capabilities("commands", mention=word))


def command_words(host: PluginHost) -> dict[str, CommandWord]:
    """All first words of commands, in their order."""
    offered = host.capabilities("commands")
    return {word: _word(host, word, offered) for word in sorted({each.words[0] for each in offered})}


def _word(host: PluginHost, word: str, offered: list[Capability]) -> CommandWord:
    found = tuple(each for each in offered if each.words[0] == word)
    owners = {each.provider for each in found} | ({word} & set(host.ids()) if found else set())
    return CommandWord(word, found, _about(host, word, found), tuple(sorted(owners)))


def _about(host: PluginHost, word: str, found: tuple[Capability, ...]) -> str:
    """What the provider is if the word is its id, what the command does if it is alone, else what follows the word."""
    if not found:
        return ""
    first = found[0]
    manifest = host.provider(first.provider).manifest
    if manifest is not None and first.provider == word:
        return manifest.doc
    more = ", ".join(each.words[-1] for each in found)
    return first.doc if len(first.words) == 1 else f"{more}: of the provider {first.provider}."
