"""Fakes, by the name of what makes them on a command line."""

import importlib
import inspect
import os
from collections.abc import Callable
from types import ModuleType

from penstock_testkit.saas.app import App


def named_app(text: str) -> list[App]:
    """The fakes that a class or function makes.

    Args:
        text: ``module:name``; the class of a fake, or a function of the module that makes one or a list of them.

    Raises:
        RuntimeError: There is none of this name, it wants arguments, or makes something else.
    """
    module, _, name = text.partition(":")
    try:
        makers = _makers(importlib.import_module(module))
    except ModuleNotFoundError as error:
        raise RuntimeError(f"there is no module {error.name!r}, neither installed nor in {os.getcwd()}") from None  # noqa: PTH109
    if name not in makers:
        raise RuntimeError(f"{module} has no {name!r} that makes fakes; there is {', '.join(sorted(makers)) or 'none'}")
    signature = inspect.signature(makers[name])
    try:
        signature.bind()
    except TypeError:
        raise RuntimeError(
            f"{text} takes {signature}: give it in a function of your own, which takes nothing"
        ) from None
    made = makers[name]()
    found = made if isinstance(made, list) else [made]
    apps = [each for each in found if isinstance(each, App)]
    if apps != found:
        raise RuntimeError(f"{text} gives {made!r:.100}; it must give an App or a list of them")
    return apps


def _makers(module: ModuleType) -> dict[str, Callable[[], object]]:
    """The classes of fakes in a module, and its own functions."""
    found = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    apps = {name: value for name, value in found.items() if isinstance(value, type) and issubclass(value, App)}
    own = {name: value for name, value in found.items() if inspect.isfunction(value)}
    return apps | {name: value for name, value in own.items() if value.__module__ == module.__name__}
