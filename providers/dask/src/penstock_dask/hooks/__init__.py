"""Hooks of Dask: the only room that imports its SDK, and that on first use."""

from penstock_dask.hooks.dask_cluster import Cluster
from penstock_dask.hooks.dask_hook import DaskHook

__all__ = ["Cluster", "DaskHook"]
