"""How authoring objects are made: names are checked before, and whatever a constructor raises becomes a problem.

A wrong argument must not end the import of a DAG file: the object is made without it, the problem is noted with the
author's line and the nearest right name, and the import goes on.
"""

from typing import TYPE_CHECKING, Any

from penstock.author.parse_session import Site, call_site, current_session, report
from penstock.errors import AuthoringError, did_you_mean

if TYPE_CHECKING:
    from penstock.author.dag import DAG

_NO_SUPER_INIT = (
    "its __init__ does not call super().__init__(**kwargs), which takes task_id and all that every task takes."
)
TAKES_KEYWORDS = 0x08  # CO_VARKEYWORDS of `inspect`, which costs 10 ms to import

_DATES = "Dates belong to the DAG: DAG(start_date=..., end_date=...)."
_LEAVE_OUT = "Leave it out: "
_LISTEN = "Let a task with trigger_rule='one_failed' or 'all_done' at the end tell, or a provider's listener."
_MAIL = "Put an EmailOperator with trigger_rule='one_failed' at the end."
_NO_PAST = "Runs do not look at earlier runs; max_active_runs=1 of the DAG lets them run one after the other."

# Arguments that Airflow has and Penstock has not or calls otherwise: what to write instead.
_AIRFLOW_ARGUMENTS = {
    "concurrency": "Its name is max_active_tasks.",
    "dag_concurrency": "Its name is max_active_tasks.",
    "dagrun_timeout": "There is no limit for a whole run; give its tasks an execution_timeout.",
    "default_view": _LEAVE_OUT + "it is about Airflow's pages.",
    "deferrable": _LEAVE_OUT + "no waiting task holds a slot.",
    "depends_on_past": _NO_PAST,
    "email": _MAIL,
    "email_on_failure": _MAIL,
    "email_on_retry": _MAIL,
    "end_date": _DATES,
    "inlets": "There are no assets; join DAGs by TriggerDagRunOperator.",
    "on_execute_callback": _LISTEN,
    "on_failure_callback": _LISTEN,
    "on_retry_callback": _LISTEN,
    "on_skipped_callback": _LISTEN,
    "on_success_callback": _LISTEN,
    "orientation": _LEAVE_OUT + "it is about Airflow's pages.",
    "outlets": "There are no assets; join DAGs by TriggerDagRunOperator.",
    "provide_context": _LEAVE_OUT + "a function gets the names of the context that it has as arguments.",
    "render_template_as_native_obj": "Templates give text; pass a value of another task as an argument to keep its type.",
    "schedule_interval": "Its name is schedule.",
    "sla": "There are no SLAs; execution_timeout ends what takes too long.",
    "sla_miss_callback": "There are no SLAs; execution_timeout ends what takes too long.",
    "timetable": "Its name is schedule.",
    "start_date": _DATES,
    "wait_for_downstream": _NO_PAST,
    "weight_rule": _LEAVE_OUT + "priority_weight counts as it is written.",
}


class CheckedMeta(type):
    """The class of classes whose objects authors make."""

    def __call__(cls, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on
        """Make an object, note what is wrong with its arguments."""
        made: Any = object.__new__(cls)  # type: ignore[arg-type] # a metaclass knows its instances only as types
        made._site = call_site()  # noqa: SLF001 - the same room
        owner = made._before_init(kwargs)  # noqa: SLF001 - the same room
        known = accepted_arguments(cls)
        given = {**dict(zip(positional_arguments(cls), args, strict=False)), **kwargs}
        for name in [name for name in kwargs if name not in known]:
            report(owner, made._site, unknown_argument(made._display_name(given), name, known))  # noqa: SLF001 - the same room
            del kwargs[name], given[name]
        made._arguments = given  # noqa: SLF001 - the same room
        try:
            made.__init__(*args, **kwargs)
            if not made._initialised():  # noqa: SLF001 - the same room
                raise AuthoringError([_NO_SUPER_INIT])  # noqa: TRY301 - a constructor at fault is one thing, whatever its fault
        except Exception as error:
            if owner is None and current_session.get() is None:
                raise
            report(owner, made._site, f"{made._display_name(given)}: {_sentence(error, cls)}")  # noqa: SLF001 - the same room
            made._fallback(given)  # noqa: SLF001 - the same room
        made._after_init()  # noqa: SLF001 - the same room
        return made


class Checked(metaclass=CheckedMeta):
    """The base of authoring objects; what a subclass overrides is called while it is made."""

    _site: Site
    _arguments: dict[str, Any]

    def _before_init(self, arguments: dict[str, Any]) -> "DAG | None":  # noqa: ARG002 - for subclasses
        """Complete the arguments before they are checked; returns the DAG to which problems are reported."""
        return None

    def _initialised(self) -> bool:
        """Return whether the base's constructor was called."""
        return True

    def _display_name(self, arguments: dict[str, Any]) -> str:  # noqa: ARG002 - for subclasses
        """Name the object as messages do."""
        return type(self).__name__

    def _fallback(self, arguments: dict[str, Any]) -> None:
        """Become a usable object although the constructor raised."""

    def _after_init(self) -> None:
        """Called once the object is complete."""


def accepted_arguments(cls: type) -> dict[str, bool]:
    """List a constructor's arguments, each with whether it is required; inherited ones if it takes ``**kwargs``."""
    cached: dict[str, bool] | None = cls.__dict__.get("_accepted")
    if cached is not None:
        return cached
    names: dict[str, bool] = {}
    for base in cls.__mro__:
        init = base.__dict__.get("__init__")
        code = getattr(unwrapped(init), "__code__", None)
        if code is None:
            continue
        for name, required in parameters_of(unwrapped(init)).items():
            names.setdefault(name, required)
        if not code.co_flags & TAKES_KEYWORDS:
            break
    type.__setattr__(cls, "_accepted", names)
    return names


def parameters_of(function: Any) -> dict[str, bool]:  # noqa: ANN401 - any Python function
    """List a Python function's arguments after ``self``, each with whether it must be given."""
    code = function.__code__
    positional_names = code.co_varnames[: code.co_argcount]
    keyword_names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    optional = set(positional_names[len(positional_names) - len(function.__defaults__ or ()) :])
    if not function.__defaults__:
        optional = set()
    optional |= set(function.__kwdefaults__ or ())
    skip = 1 if positional_names[:1] == ("self",) else 0
    return {name: name not in optional for name in (*positional_names[skip:], *keyword_names)}


def positional_arguments(cls: type) -> list[str]:
    """List a constructor's arguments in the order in which they may be given without a name."""
    code = getattr(unwrapped(cls.__dict__.get("__init__") or cls.__init__), "__code__", None)  # type: ignore[misc] # only read
    return list(code.co_varnames[1 : code.co_argcount]) if code is not None else []


def unwrapped(function: Any) -> Any:  # noqa: ANN401 - any Python function
    """Find the function below its decorators."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def unknown_argument(called: str, name: str, known: Any) -> str:  # noqa: ANN401 - any iterable of names
    """Describe the problem of an argument that does not exist, with what to write instead."""
    if name in _AIRFLOW_ARGUMENTS:
        return f"{called} takes no argument {name!r}. {_AIRFLOW_ARGUMENTS[name]}"
    advice = did_you_mean(name, known, otherwise=f"It takes: {', '.join(sorted(known))}.")
    return f"{called} takes no argument {name!r}. {advice}"


def _sentence(error: Exception, cls: type) -> str:
    if isinstance(error, AuthoringError):
        return "; ".join(error.problems)
    # Python names the constructor whose arguments do not fit; the message names its object already.
    own = f"{getattr(unwrapped(cls.__init__), '__qualname__', '')}() "  # type: ignore[misc] # only read
    if isinstance(error, TypeError) and str(error).startswith(own):
        return str(error).removeprefix(own).rstrip(".") + "."
    return f"{type(error).__name__}: {error}"
