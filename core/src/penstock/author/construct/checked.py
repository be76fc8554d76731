"""How authoring objects are made: names are checked before, and whatever a constructor raises becomes a problem.

A wrong argument must not end the import of a DAG file: the object is made without it, the problem is noted with the
author's line and the nearest right name, and the import goes on. The same holds for an attribute that is set later.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from penstock.author.airflow.arguments import RENAMED, is_argument, is_harmless, rewrite_arguments, unknown_argument
from penstock.author.construct.signature import (
    accepted_arguments,
    choices,
    defaults_for_none,
    once_a_class,
    own_parameters,
    positional_arguments,
    takes_any,
)
from penstock.author.parse_session import Site, call_site, current_session, report
from penstock.errors import AuthoringError, nearest
from penstock.model.names import error_sentence

if TYPE_CHECKING:
    from penstock.author.dag import DAG

_NO_SUPER_INIT = (
    "its __init__ does not call super().__init__(**kwargs), which takes task_id and all that every task takes."
)
_OWN = "penstock."


class CheckedMeta(type):
    """The class of classes whose objects authors make."""

    def __call__(cls, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on
        """Make an object, note what is wrong with its arguments."""
        made: Any = object.__new__(cls)  # type: ignore[arg-type] # a metaclass knows its instances only as types
        site = call_site()
        made.__dict__ |= {"_site": site, "_changes": {}}
        owner = made._before_init(kwargs)  # noqa: SLF001 - the same room
        by_place = dict(zip(positional_arguments(cls), args, strict=False))
        for remark in () if takes_any(cls) else rewrite_arguments(kwargs, accepted_arguments(cls)):
            called = made._display_name({**by_place, **kwargs})  # noqa: SLF001 - the same room
            report(owner, site, f"{called} {remark.text}", is_note=remark.is_note)
        for name in [name for name, value in kwargs.items() if value is None]:
            if name in defaults_for_none(cls) and name not in own_parameters(cls):
                del kwargs[name]
        given = {**by_place, **kwargs}
        made.__dict__["_arguments"] = given
        try:
            _check_choices(cls, given)
            made.__init__(*args, **kwargs)
            if not made._initialised():  # noqa: SLF001 - the same room
                raise AuthoringError([_NO_SUPER_INIT])  # noqa: TRY301 - a constructor at fault is one thing, whatever its fault
        except Exception as error:
            if owner is None and current_session.get() is None:
                raise
            called = made._display_name(given)  # noqa: SLF001 - the same room
            report(owner, site, f"{called}: {_sentence(error, cls)}")
            made._fallback(given)  # noqa: SLF001 - the same room
        made._after_init()  # noqa: SLF001 - the same room
        made.__dict__["_complete"] = True
        return made


class Checked(metaclass=CheckedMeta):
    """The base of authoring objects; what a subclass overrides is called while it is made.

    What the library keeps in an object besides its arguments has names of its own, which are refused to authors.
    """

    _STATE: ClassVar[frozenset[str]] = frozenset({"_site", "_arguments", "_changes", "_complete"})
    _OVERRIDABLE: ClassVar[frozenset[str]] = frozenset()

    _site: Site
    _arguments: dict[str, Any]
    _changes: dict[str, Site]

    def __init_subclass__(cls) -> None:
        """Refuse names of the library's own in an author's class."""
        if not cls.__module__.startswith(_OWN):
            for name in sorted(vars(cls).keys() & _taken_names(cls.__mro__[1])[0]):
                report(None, call_site(), f"class {cls.__name__} defines {name!r}. {_TAKEN}")

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 - any value
        own, arguments = self.__dict__, _plain_arguments(type(self))
        if name in arguments and "_complete" not in own:
            own[name] = arguments[name] if value is None else value
            return
        taken, overridable = _taken_names(type(self))
        if name in taken or (name in overridable and not callable(value)):
            report(self._owner(), call_site(), f"{self._name()} sets its attribute {name!r}. {_TAKEN}")
            return
        if value is None:
            value = defaults_for_none(type(self)).get(name)
        if "_complete" not in self.__dict__:
            object.__setattr__(self, name, value)
        else:
            self._change(name, value)

    if not TYPE_CHECKING:  # a checker that sees it takes every name for granted

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - never returns
            """Say what to write instead of a name that does not exist."""
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            near = nearest(name, [each for each in {*dir(type(self)), *self.__dict__} if each[0] != "_"])
            advice = ATTRIBUTES.get(name) or (f"Did you mean {near[0]!r}?" if near else "")
            raise AttributeError(f"{self._name()} has no attribute {name!r}. {advice}".rstrip(), name=name, obj=None)

    def _change(self, name: str, value: Any) -> None:  # noqa: ANN401 - any value
        """Set an attribute of an object that is complete: it counts as if it had been an argument, or is a problem."""
        known, site = accepted_arguments(type(self)), call_site()
        name = RENAMED.get(name, name)
        self._changes[name] = site
        if name not in known and not hasattr(type(self), name) and name not in self.__dict__:
            problem = _foreign_attribute(name, value, known)
            if problem:
                report(self._owner(), site, f"{self._name()} {problem}")
                return
        object.__setattr__(self, name, value)
        self._changed(name, site)

    def _changed(self, name: str, site: Site) -> None:
        """Check an attribute that was set after the object was made."""

    def _owner(self) -> "DAG | None":
        """Find the DAG to which problems are reported."""
        return None

    def _name(self) -> str:
        return self._display_name(self.__dict__.get("_arguments", {}))

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


_TAKEN = "The name is taken by Penstock; give yours another one."

# Attributes that Airflow's objects have: what to write instead.
ATTRIBUTES = {
    "cli": "The command line is the program `penstock`.",
    "clear": "Clear runs with: penstock runs clear DAG_ID RUN_ID",
    "test": "Run a DAG of a file with: penstock dags test FILE",
}


@once_a_class
def _taken_names(cls: type) -> tuple[frozenset[str], frozenset[str]]:
    """List the names of a class that are the library's own, and those of methods that an author may override."""
    names: set[str] = set()
    overridable: set[str] = set()
    for base in cls.__mro__:
        if base.__module__.startswith(_OWN):
            names |= base.__dict__.get("_STATE", frozenset())
            names |= {name for name, value in vars(base).items() if _is_taken(name, value)}
            overridable |= base.__dict__.get("_OVERRIDABLE", frozenset())
    return frozenset(names - overridable), frozenset(overridable)


@once_a_class
def _plain_arguments(cls: type) -> dict[str, Any]:
    """List the arguments of a class that a constructor keeps as they are, each with what None stands for."""
    taken, overridable = _taken_names(cls)
    computed = {name for base in cls.__mro__ for name, value in vars(base).items() if hasattr(type(value), "__set__")}
    names, defaults = accepted_arguments(cls).keys() - taken - overridable - computed, defaults_for_none(cls)
    return {name: defaults.get(name) for name in names}


def _is_taken(name: str, value: Any) -> bool:  # noqa: ANN401 - any attribute of a class
    """Return whether an attribute of one of our classes cannot be replaced: a method, or a property that is only read."""
    if name.startswith("__"):
        return False
    return value.fset is None if isinstance(value, property) else hasattr(value, "__code__")


def keep_arguments(made: Checked, arguments: dict[str, Any]) -> None:
    """Set attributes of an object, as its constructor would one by one at several times the cost.

    It is no method: its name would be taken from authors.
    """
    own = made.__dict__
    plain = {} if "_complete" in own else _plain_arguments(type(made))
    for name, value in arguments.items():
        if name in plain:
            own[name] = plain[name] if value is None else value
        else:
            setattr(made, name, value)


def _foreign_attribute(name: str, value: Any, known: dict[str, bool]) -> str:  # noqa: ANN401 - what an author set
    """Say what is wrong with an attribute that no argument sets; "" if it is the author's own affair."""
    if is_harmless(name, value):
        return ""
    near = nearest(name, known)
    if near or is_argument(name):
        return unknown_argument(name, known)
    return ""


def _check_choices(cls: type, given: dict[str, Any]) -> None:
    """Refuse text that is none of the values of its argument; a template, or a value of another task, is not known yet."""
    wrong = [
        f"{name} is {given[name]!r}; write {' or '.join(map(repr, allowed))}."
        for name, allowed in choices(cls).items()
        if isinstance(given.get(name), str | int) and given[name] not in allowed and "{" not in str(given[name])
    ]
    if wrong:
        raise AuthoringError(wrong)


def _sentence(error: Exception, cls: type) -> str:
    if isinstance(error, AuthoringError):
        return "; ".join(error.problems)
    # Python names the constructor whose arguments do not fit; the message names its object already.
    own = [f"{base.__qualname__}.__init__() " for base in cls.__mro__]
    found = next(filter(str(error).startswith, own), "") if isinstance(error, TypeError) else ""
    if found:
        return str(error).removeprefix(found).rstrip(".") + "."
    return error_sentence(error)
