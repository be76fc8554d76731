"""Timetables that a DAG file names by their capability id; they are made in the process that imports the file."""

from typing import Any

from penstock.author.construct.checked import Checked
from penstock.author.parse_session import current_session
from penstock.author.timetable.timetable import Timetable
from penstock.errors import AuthoringError, PluginError, RequestError
from penstock_manifest.arguments import argument_problems


class ProvidedTimetable(Checked):
    """What ``timetable(...)`` returns: an id, and the object of the class behind it.

    Args:
        capability: The capability id.
        arguments: Arguments by name.

    Attributes:
        made: The timetable; None where nobody knows what is installed, as in a test of a DAG file.
    """

    made: Timetable | None

    def __init__(self, capability: str, arguments: dict[str, Any]) -> None:
        self.capability, self.arguments = capability, arguments
        self.made = _made(capability, arguments)

    def _display_name(self, arguments: dict[str, Any]) -> str:
        return f"timetable({arguments.get('capability')!r})"

    def _fallback(self, arguments: dict[str, Any]) -> None:
        self.capability, self.arguments, self.made = str(arguments.get("capability")), {}, None

    def summary(self) -> str:
        """Return the id with its arguments, as lists show it."""
        return f"{self.capability}({', '.join(f'{name}={value!r:.50}' for name, value in self.arguments.items())})"


def timetable(capability: str, /, **arguments: Any) -> ProvidedTimetable:  # noqa: ANN401 - passed on
    """Name a provider's timetable as a schedule, such as ``schedule=timetable("acme.trading_days", exchange="XETRA")``.

    Args:
        capability: ``<provider>.<name>``.
        **arguments: What the timetable takes; they are checked against the provider's manifest.
    """
    return ProvidedTimetable(capability=capability, arguments=arguments)


def _made(capability: object, arguments: dict[str, Any]) -> Timetable | None:
    """Make a timetable of what is installed.

    Raises:
        AuthoringError: Nothing that is installed has it, it does not take the arguments, or it raised.
    """
    if not isinstance(capability, str):
        raise AuthoringError("write the id of a timetable as text, such as 'acme.trading_days'.")
    session = current_session.get()
    if session is None or session.capabilities is None:
        return None
    try:
        found = session.capabilities(capability)
        problems = [f"it is one of {found.kind}, no timetable"]
        if found.kind == "timetables":
            problems = argument_problems(found, arguments)
        make = None if problems else session.capabilities.load(found)
    except (PluginError, RequestError) as error:
        raise AuthoringError(str(error)) from error
    if make is None:
        raise AuthoringError("; ".join(problems))
    made = make(**arguments)
    if not isinstance(made, Timetable):
        raise AuthoringError(f"{capability} gives {made!r:.200}, which is no penstock.Timetable.")
    return made
