"""Assets: data that tasks make and other DAGs wait for, and conditions over several of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.author.assets.file_watcher import FileWatcher, checked_watchers
from penstock.author.construct.checked import Checked
from penstock.author.parse_session import current_session, report
from penstock.errors import AuthoringError, as_sentence

if TYPE_CHECKING:
    from penstock.model.assets.asset_condition import AssetCondition, AssetSpec


class AssetExpression(Checked):
    """What a DAG may wait for: an asset, or several joined by ``&`` and ``|``."""

    def __and__(self, other: "AssetExpression") -> "AssetAll":
        return AssetAll(self, other)

    def __or__(self, other: "AssetExpression") -> "AssetAny":
        return AssetAny(self, other)

    def assets(self) -> "Iterator[Asset]":
        """Find the assets in it."""
        raise NotImplementedError

    def condition(self) -> "AssetCondition":
        """Convert it to a value of the model."""
        raise NotImplementedError


class Asset(AssetExpression):
    """Data that tasks make and other DAGs wait for: a table, a file, a model. Two with one URI are the same asset.

    Args:
        name: What people call it; the URI unless given.
        uri: What it is known by, such as ``s3://lake/orders``; the name unless given. It is not looked at.
        group: What it belongs to, for people.
        extra: More about it, a dict with a JSON form.
        watchers: What looks for files whose coming is an event of it: a list of `FileWatcher`.
        access_control: Airflow's, which says nothing here as there are no teams; a note says so.
    """

    watchers: tuple[FileWatcher, ...] = ()

    def __init__(
        self,
        name: str = "",
        uri: str = "",
        *,
        group: str = "",
        extra: Mapping[str, Any] | None = None,
        watchers: Sequence[FileWatcher] = (),
        access_control: "AssetAccessControl | None" = None,
    ) -> None:
        from penstock.model.assets.asset_condition import ALIAS, uri_problem  # noqa: PLC0415 - only a file with assets needs msgspec

        self.uri, self.name, self.group, self.extra = uri or name, name or uri, group, dict(extra or {})
        if problem := uri_problem(self.uri):
            raise AuthoringError([as_sentence(problem)])
        if self.uri.startswith(ALIAS):
            raise AuthoringError([f"{self.uri!r} names an alias: write AssetAlias({self.uri.removeprefix(ALIAS)!r})."])
        self.watchers = checked_watchers(watchers)
        if access_control is not None:
            text = f"asset {self.name!r}: access_control has no effect: there are no teams, as in Airflow without multi_team."
            report(None, self._site, text, is_note=True)
        session = current_session.get()
        if session is not None:
            session.assets[self.name] = self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Asset) and other.uri == self.uri

    def __hash__(self) -> int:
        return hash(self.uri)

    def __repr__(self) -> str:
        """Show its URI."""
        return f"Asset({self.uri!r})"

    def assets(self) -> "Iterator[Asset]":
        """Itself."""
        yield self

    def condition(self) -> "AssetCondition":
        """The condition that it has an event."""
        from penstock.model.assets.asset_condition import AssetCondition  # noqa: PLC0415 - only a build needs msgspec

        return AssetCondition(self.uri)

    def spec(self) -> "AssetSpec":
        """Convert it to a value of the model."""
        from penstock.model.assets.asset_condition import AssetSpec  # noqa: PLC0415 - only a build needs msgspec
        from penstock.model.values.value import to_plain  # noqa: PLC0415 - as above

        watches = tuple(dict.fromkeys(each.watch() for each in self.watchers))
        return AssetSpec(self.uri, self.name, self.group, to_plain(self.extra), watches)

    def _fallback(self, arguments: dict[str, Any]) -> None:  # noqa: ARG002 - the base's
        self.uri = self.name = "unnamed"
        self.group, self.extra = "", {}


class AssetAccessControl(NamedTuple):
    """Airflow's teams whose events of an asset count; every DAG that waits for an asset takes all of its events here.

    Attributes:
        producer_teams: The teams.
        consumer_teams: Those that may wait for it.
        allow_global: Whether those of DAGs without a team count.
    """

    producer_teams: Sequence[str] = ()
    consumer_teams: Sequence[str] = ()
    allow_global: bool = True


class AssetAlias(Asset):
    """Stands for assets that a task names when it runs: ``outlet_events[alias].add(Asset(...))`` makes an event of each.

    A DAG that is scheduled by the alias runs for events that were made through it, one that is scheduled by such an asset for these
    and all others. Two of one name are the same alias.

    Args:
        name: What it is known by.
        group: What it belongs to, for people.
    """

    def __init__(self, name: str, *, group: str = "") -> None:
        from penstock.model.assets.asset_condition import ALIAS, uri_problem  # noqa: PLC0415 - only a file with assets needs msgspec

        self.uri, self.name, self.group, self.extra = f"{ALIAS}{name}", name, group, {}
        if problem := uri_problem(name) or uri_problem(self.uri):
            raise AuthoringError([as_sentence(problem)])

    def __repr__(self) -> str:
        """Show its name."""
        return f"AssetAlias({self.name!r})"


def named(uri: str) -> Asset:
    """The asset, or the alias, of a URI as it is stored."""
    from penstock.model.assets.asset_condition import ALIAS  # noqa: PLC0415 - only a task with assets needs msgspec

    made: Asset = AssetAlias(uri.removeprefix(ALIAS)) if uri.startswith(ALIAS) else Asset(uri)
    return made


class _Joined(AssetExpression):
    """Several conditions, joined."""

    _all = True

    def __init__(self, *parts: AssetExpression) -> None:
        if not parts or not all(isinstance(part, AssetExpression) for part in parts):
            raise AuthoringError([f"it joins {parts!r:.200}; write assets, such as Asset('s3://lake/orders')."])
        self.parts = parts

    def assets(self) -> "Iterator[Asset]":
        """Find the assets of all parts."""
        for part in self.parts:
            yield from part.assets()

    def condition(self) -> "AssetCondition":
        """The joined condition."""
        from penstock.model.assets.asset_condition import AssetCondition  # noqa: PLC0415 - only a build needs msgspec

        return AssetCondition(join="all" if self._all else "any", parts=tuple(part.condition() for part in self.parts))

    def __repr__(self) -> str:
        """Show it as it is written."""
        return (" & " if self._all else " | ").join(f"({part!r})" for part in self.parts)

    def _fallback(self, arguments: dict[str, Any]) -> None:  # noqa: ARG002 - the base's
        self.parts = (Asset("unnamed"),)


class AssetAll(_Joined):
    """Each of several conditions must hold; ``a & b`` is the same.

    Args:
        *parts: Assets, and conditions over them.
    """


class AssetAny(_Joined):
    """One of several conditions must hold; ``a | b`` is the same.

    Args:
        *parts: Assets, and conditions over them.
    """

    _all = False


class AssetOrTimeSchedule(Checked):
    """Makes a run whenever a timetable falls due, and whenever a condition over assets holds.

    Args:
        timetable: Whatever else a schedule may be.
        assets: An asset, a condition, or a list of assets that must all have an event.
    """

    def __init__(self, timetable: Any, assets: Any) -> None:  # noqa: ANN401 - checked when the DAG is built
        self.timetable, self.assets = timetable, assets

    def __repr__(self) -> str:
        """Show it as it is written."""
        return f"AssetOrTimeSchedule({self.timetable!r}, {self.assets!r})"

    def _fallback(self, arguments: dict[str, Any]) -> None:  # noqa: ARG002 - the base's
        self.timetable, self.assets = None, ()


def as_awaited(value: Any) -> AssetExpression | None:  # noqa: ANN401 - what an author wrote
    """Read what a DAG waits for: a condition, or a list of assets that must all have an event; None if it is neither."""
    if isinstance(value, AssetExpression):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(each, AssetExpression) for each in value):
        return value[0] if len(value) == 1 else AssetAll(*value)
    return None


def asset_problems(value: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    """Check the assets that a task makes or reads."""
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(each, Asset) for each in value):
        yield f"{name} is {value!r:.200}; write a list of assets, such as [Asset('s3://lake/orders')]."
