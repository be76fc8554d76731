"""``[plugins]``: modules of the project that answer plug-in specs."""

import msgspec


class PluginSettings(msgspec.Struct, frozen=True):
    """``[plugins]``: what the project itself adds to the installed providers.

    Attributes:
        modules: Names of modules of the project that answer plug-in specs, such as ``["our_plugins"]``.
    """

    modules: tuple[str, ...] = ()


def module_problems(modules: tuple[str, ...]) -> list[str]:
    """Say what is wrong with the names of modules, one sentence each."""
    found = [
        f"modules: {name!r} is no name of a module. Write it as it is imported, such as our_plugins or ours.plugins."
        for name in modules
        if not all(part.isidentifier() for part in name.split("."))
    ]
    twice = sorted({name for name in modules if modules.count(name) > 1})
    return [*found, *(f"modules: {name!r} is listed twice. Take one of them away." for name in twice)]
