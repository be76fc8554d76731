"""Airflow's plugin class, as far as a file needs it that also has what DAG files use."""

from typing import Any

from penstock.errors import AuthoringError

_USED_BY_NAME = frozenset({"name", "timetables", "priority_weight_strategies"})


class AirflowPlugin:
    """Does nothing: a timetable or a weight strategy counts where a DAG file names it, whether a plugin lists it or not.

    Raises:
        AuthoringError: When a subclass lists anything else, which would not be there.
    """

    name = ""

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401 - passed on
        """Refuse what would be passed over."""
        super().__init_subclass__(**options)
        lost = sorted(
            key for key, value in vars(cls).items() if not key.startswith("_") and key not in _USED_BY_NAME and value
        )
        if lost:
            problem = f"plugin {cls.__name__} has {', '.join(lost)}, and plugins are not collected here"
            raise AuthoringError([f"{problem}: write a module of the project, which `[plugins] modules` names."])
