"""What a command is: something that people do with a provider from the command line.

A provider names the function in its manifest (``[[commands]]``), or a module of the project answers ``penstock_commands``. The
entry's id ``acme.open_orders`` is ``penstock acme open-orders``, unless its ``name`` gives other words, one or two:
``orders open`` is ``penstock orders open``. Its parameters make the arguments: one that is required stands
in its place, in the order of the manifest; all others are options ``--name``, a ``bool`` is a flag, a ``list`` may be given
several times. So help and completion, and the refusal of a wrong argument, need nothing but the manifest: the function is
imported when it is called.

A command of Penstock's own goes before a provider whose id is the same, and a name that begins with one is refused. Where two
providers have commands with the same first word, or one has the other's id for it, neither is active there, and both are told of by
``penstock providers``.
"""

from typing import Any, Protocol


class Command(Protocol):
    """A function of a provider that the command line calls."""

    def __call__(self, **arguments: Any) -> int | None:  # noqa: ANN401 - by the parameters of its entry
        """Do what the command is for; called in the process of the command line, once.

        It prints what people are to see. It may ask for connections (``Connection.get``), Variables and object stores, as a task
        does, and so may the hooks that it uses; nothing else of the installation is to be had.

        Args:
            arguments: Those that were given, by the names of the entry's parameters, each of its parameter's type.

        Returns:
            The exit code, 0 to 255; None is 0.

        Raises:
            penstock.errors.PenstockError: It is printed, and gives the exit code of its class.
            Exception: Any other is told as a fault of the provider, with exit code 1; ``PENSTOCK_TRACEBACK=1`` shows where.
        """
