"""Sensors of Google Cloud."""

from penstock_gcp.sensors.objects import (
    GCSObjectExistenceSensor,
    GCSObjectsWithPrefixExistenceSensor,
    GCSObjectUpdateSensor,
    GCSUploadSessionCompleteSensor,
)

__all__ = [
    "GCSObjectExistenceSensor",
    "GCSObjectUpdateSensor",
    "GCSObjectsWithPrefixExistenceSensor",
    "GCSUploadSessionCompleteSensor",
]
