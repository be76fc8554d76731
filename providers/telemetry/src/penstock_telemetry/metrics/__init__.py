"""The metrics sinks."""

from penstock_telemetry.metrics.otlp import OtlpSink
from penstock_telemetry.metrics.statsd import StatsdSink

__all__ = ["OtlpSink", "StatsdSink"]
