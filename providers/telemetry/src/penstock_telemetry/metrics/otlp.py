"""OTLP by HTTP, as JSON: the messages of opentelemetry/proto/metrics/v1/metrics.proto in the JSON form of protocol buffers.

Numbers of 64 bits are text there. Sums and histograms are cumulative: each message has the whole since the start, so that one which is
lost, or arrives twice, is mended by the next.
"""

import json
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from http.client import HTTPException
from itertools import starmap
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from penstock.errors import ConfigError, ErrorKind, ProviderError
from penstock.spec.metrics_sink import BOUNDS_S, Point
from penstock_telemetry.errors import otlp_error

_CUMULATIVE = 2
_Key = tuple[str, tuple[tuple[str, str], ...]]


class OtlpSink:
    """Posts what has changed to a collector.

    Args:
        endpoint: URL to which metrics are posted.
        prefix: What names of metrics begin with.
        service: The attribute ``service.name`` of the resource.
        timeout_s: Seconds to wait for the collector.

    Raises:
        ConfigError: The endpoint is no URL of HTTP, or holds a login.
    """

    def __init__(
        self,
        endpoint: str = "http://localhost:4318/v1/metrics",
        prefix: str = "penstock",
        service: str = "penstock",
        timeout_s: float = 10.0,
    ) -> None:
        _check_endpoint(endpoint)
        self._endpoint, self._prefix, self._service, self._timeout_s = endpoint, prefix, service, timeout_s
        self._started = _nanoseconds(datetime.now(UTC))
        self._whole: dict[_Key, Point] = {}

    def write(self, points: Sequence[Point], at: datetime) -> None:
        """Add them to what there was, and post the sums.

        Raises:
            ProviderError: The collector did not take them. What they added is in the next post of the same metrics.
        """
        metrics = [self._metric(self._added(point), _nanoseconds(at)) for point in points]
        resource = {"attributes": list(starmap(_attribute, {"service.name": self._service}.items()))}
        body = {
            "resourceMetrics": [
                {"resource": resource, "scopeMetrics": [{"scope": {"name": "penstock"}, "metrics": metrics}]}
            ]
        }
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            self._endpoint, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:  # noqa: S310 - as above
                answer = response.read()
        except (OSError, HTTPException) as error:
            if isinstance(error, HTTPError):
                error.close()
            raise otlp_error(self._endpoint, error) from error
        self._check(answer)

    def _check(self, answer: bytes) -> None:
        """Tell what a collector that took the message has left out of it."""
        try:
            partial: dict[str, Any] = json.loads(answer or b"{}").get("partialSuccess") or {}
        except (ValueError, AttributeError):
            return
        if int(partial.get("rejectedDataPoints") or 0):
            detail = (
                f"{self._endpoint} refused {partial['rejectedDataPoints']} points: {partial.get('errorMessage', '')}"
            )
            raise ProviderError(detail, service="otlp", operation="Export", kind=ErrorKind.INVALID)

    def _added(self, point: Point) -> Point:
        """The point with all that came before it; of a gauge, the point."""
        key = (point.name, tuple(point.tags.items()))
        before = self._whole.get(key)
        if before is not None and point.kind != "gauge":
            buckets = tuple(old + new for old, new in zip(before.buckets, point.buckets, strict=True))
            value, count = before.value + point.value, before.count + point.count
            point = Point(point.name, point.kind, point.unit, point.tags, value, count, buckets)
        self._whole[key] = point
        return point

    def _metric(self, point: Point, at: str) -> dict[str, Any]:
        data: dict[str, Any] = {"attributes": list(starmap(_attribute, point.tags.items())), "timeUnixNano": at}
        name = f"{self._prefix}.{point.name}" if self._prefix else point.name
        metric: dict[str, Any] = {"name": name, "unit": point.unit}
        if point.kind == "gauge":
            return {**metric, "gauge": {"dataPoints": [{**data, "asDouble": point.value}]}}
        data["startTimeUnixNano"] = self._started
        whole: dict[str, Any] = {"aggregationTemporality": _CUMULATIVE}
        if point.kind == "counter":
            return {**metric, "sum": {**whole, "isMonotonic": True, "dataPoints": [{**data, "asDouble": point.value}]}}
        spread = {
            "count": str(point.count),
            "sum": point.value,
            "bucketCounts": [str(each) for each in point.buckets],
            "explicitBounds": list(BOUNDS_S),
        }
        return {**metric, "histogram": {**whole, "dataPoints": [{**data, **spread}]}}


def _check_endpoint(endpoint: str) -> None:
    """Raise ConfigError for what nobody can post to; an endpoint with a login would stand in errors, and is not shown."""
    try:
        url = urlsplit(endpoint)
        fit = (
            url.scheme in ("http", "https")
            and bool(url.hostname)
            and url.port != 0
            and not set(" \t\r\n") & set(endpoint)
        )
    except ValueError:  # its port or its IPv6 address
        url, fit = urlsplit(""), False
    if "@" in url.netloc or (not fit and "@" in endpoint):
        raise ConfigError("endpoint holds a login or an @, which is not sent. Write it without.")
    if not fit:
        raise ConfigError(f"endpoint {endpoint!r} is no URL of HTTP. Write such as http://localhost:4318/v1/metrics.")


def _attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def _nanoseconds(at: datetime) -> str:
    return str(int(at.timestamp() * 1e6) * 1000)
