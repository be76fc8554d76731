"""Events of assets, as tasks see them: those that their run was made for, those of their inlets, and their own."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from penstock.author.assets.asset import Asset, AssetAlias, named
from penstock.errors import FailTask, RequestError

if TYPE_CHECKING:
    from penstock.author.run.context import Context
    from penstock.author.runtime import Runtime

_NEWEST = 2**62


class PastAssetEvent(NamedTuple):
    """An event of an asset.

    Attributes:
        uri: The asset's; of an event of an alias, that of the asset for which it stood.
        number: Its place among all events.
        timestamp: When it was stored.
        extra: What it carries.
        key: What names it, of one from outside; else "".
        source_dag_id, source_run_id, source_task_id: Whose success it is; "" of one from outside.
        source_map_index: The index of that task; -1 if it is not mapped.
        alias: The alias through which that task named the asset; "" if its outlets did.
    """

    uri: str
    number: int
    timestamp: datetime
    extra: dict[str, Any]
    key: str
    source_dag_id: str
    source_run_id: str
    source_task_id: str
    source_map_index: int
    alias: str = ""


class AssetEvents(Sequence[PastAssetEvent]):
    """Events of one asset, oldest first, read page by page when they are asked for."""

    def __init__(self, runtime: "Runtime", uri: str, after: int, upto: int) -> None:
        self._runtime, self._uri, self._after, self._upto = runtime, uri, after, upto
        self._all: list[PastAssetEvent] | None = None

    def __iter__(self) -> Iterator[PastAssetEvent]:
        return self._read() if self._all is None else iter(self._all)

    def _read(self) -> Iterator[PastAssetEvent]:
        after = self._after
        while page := self._runtime.asset_events(self._uri, after, self._upto):
            for each in page:
                found = PastAssetEvent(
                    **{"uri": self._uri, **each, "timestamp": datetime.fromisoformat(each["timestamp"])}
                )
                after = found.number
                yield found

    @overload
    def __getitem__(self, index: int) -> PastAssetEvent: ...
    @overload
    def __getitem__(self, index: slice) -> list[PastAssetEvent]: ...
    def __getitem__(self, index: int | slice) -> PastAssetEvent | list[PastAssetEvent]:
        """The event of a place, or those of a slice; reads all of them."""
        return self._whole()[index]

    def __len__(self) -> int:
        return len(self._whole())

    def __repr__(self) -> str:
        """Show the events."""
        return repr(self._whole())

    def _whole(self) -> list[PastAssetEvent]:
        if self._all is None:
            self._all = list(self._read())
        return self._all


class _ByAsset(Mapping[Asset, AssetEvents]):
    """Events by asset, which may be asked for by the asset or by its URI."""

    def __init__(self, name: str, found: Mapping[str, AssetEvents], advice: str) -> None:
        self._name, self._found, self._advice = name, found, advice

    def __getitem__(self, asset: "Asset | str") -> AssetEvents:
        uri = _uri(asset)
        if uri not in self._found:
            raise MissingAssetError(f"{self._name} has no asset {uri!r}. {self._advice}")
        return self._found[uri]

    def __iter__(self) -> Iterator[Asset]:
        return map(named, self._found)

    def __len__(self) -> int:
        return len(self._found)


class MissingAssetError(RequestError, KeyError):
    """A task asked for an asset that it does not declare, or that its run was not made for."""

    __str__ = Exception.__str__


class OutletEvent:
    """The event that the success of a task will be for one of its outlets.

    Attributes:
        extra: What it carries: a dict with a JSON form.
    """

    def __init__(self) -> None:
        self.extra: dict[str, Any] = {}


class AliasEvents:
    """The events that the success of a task will be for the assets that one of its aliases stands for.

    Attributes:
        made: What they carry, by the asset's URI.
    """

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}

    def add(self, asset: Any, extra: Mapping[str, Any] | None = None) -> None:  # noqa: ANN401 - what an author wrote
        """Make an event of an asset; the same asset twice is one event, which carries both extras.

        Raises:
            RequestError: It is no asset.
        """
        if not isinstance(asset, Asset) or isinstance(asset, AssetAlias):
            raise RequestError(f"an alias stands for assets, and got {asset!r:.200}; write Asset('s3://lake/orders').")
        self.made[asset.uri] = {**self.made.get(asset.uri, {}), **(extra or {})}


class OutletEvents(Mapping[Asset, Any]):
    """``outlet_events``: what the events of a task's outlets carry, once this try succeeds."""

    def __init__(self, context: "Context") -> None:
        self._events = {
            asset.uri: AliasEvents() if isinstance(asset, AssetAlias) else OutletEvent()
            for asset in _assets(context, "outlets")
        }

    def __getitem__(self, asset: "Asset | str") -> Any:  # noqa: ANN401 - an OutletEvent, of an alias AliasEvents
        uri = _uri(asset)
        if uri not in self._events:
            raise MissingAssetError(f"outlet_events has no asset {uri!r}. Name it in outlets= of the task.")
        return self._events[uri]

    def __iter__(self) -> Iterator[Asset]:
        return map(named, self._events)

    def __len__(self) -> int:
        return len(self._events)

    def extras(self) -> dict[str, dict[str, Any]]:
        """What was given to the events, by URI; those that carry nothing are left out."""
        found = {uri: event for uri, event in self._events.items() if isinstance(event, OutletEvent)}
        return {uri: event.extra for uri, event in found.items() if event.extra}

    def resolved(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The assets that aliases stood for, by the alias' URI, and what their events carry."""
        found = {uri: event for uri, event in self._events.items() if isinstance(event, AliasEvents)}
        return {uri: event.made for uri, event in found.items() if event.made}


def kept_extras(task: object, extras: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a task gave the events of its outlets, as plain values; raises FailTask if that cannot be kept."""
    if not extras:
        return {}
    from penstock.model.assets.event import LARGEST_EXTRA  # noqa: PLC0415 - only a task that gives something needs these
    from penstock.model.names import check_conf  # noqa: PLC0415 - as above
    from penstock.model.values.not_serialisable import NotSerialisableError  # noqa: PLC0415 - as above
    from penstock.model.values.value import to_plain  # noqa: PLC0415 - as above

    found = {}
    for uri, extra in extras.items():
        try:
            found[uri] = to_plain(extra)
            if not isinstance(extra, dict):
                raise FailTask(f"{task}: the extra of outlet {uri!r} is {extra!r:.200}; write a dict.")
            check_conf(found[uri], "extra", LARGEST_EXTRA)
        except (NotSerialisableError, RequestError) as error:
            raise FailTask(f"{task}: what it gave the event of outlet {uri!r} cannot be kept: {error}") from None
    return found


def triggering_events(context: "Context") -> _ByAsset:
    """``triggering_asset_events``: the events that the run was made for, by asset; nothing in any other run."""
    runtime, consumed = context.runtime, context.facts.consumed
    found = {uri: AssetEvents(runtime, uri, after, upto) for uri, (after, upto) in consumed.items()}
    return _ByAsset("triggering_asset_events", found, "No event of it is among those that the run was made for.")


def inlet_events(context: "Context") -> _ByAsset:
    """``inlet_events``: all events of the assets that the task declares as inlets, as far as they are kept."""
    found = {asset.uri: AssetEvents(context.runtime, asset.uri, 0, _NEWEST) for asset in _assets(context, "inlets")}
    return _ByAsset("inlet_events", found, "Name it in inlets= of the task.")


def _assets(context: "Context", name: str) -> list[Asset]:
    return [each for each in getattr(context.task, name, ()) if isinstance(each, Asset)]


def _uri(asset: Any) -> str:  # noqa: ANN401 - what an author wrote
    return asset.uri if isinstance(asset, Asset) else str(asset)
