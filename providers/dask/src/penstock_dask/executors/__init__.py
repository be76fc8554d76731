"""Executors: tries on the workers of a Dask cluster."""

from penstock_dask.executors.dask_executor import DaskExecutor

__all__ = ["DaskExecutor"]
