"""The settings of an installation: ``penstock.toml`` and the environment, read once into one frozen value.

``penstock.toml`` is looked for in the working folder and upwards, unless ``PENSTOCK_CONFIG`` names it. Each key of each
table can be set by the environment, too, which goes first: ``PENSTOCK_EXECUTOR__PARALLELISM=8`` is ``parallelism`` in
``[executor]``. The tables ``[providers]``, ``[plugin-manager]`` and ``[tool]`` belong to others and are left alone.
"""

from penstock.processes.environ import with_secret_files
from penstock.settings.executors import ExecutorChoice
from penstock.settings.read import FILE, load_settings
from penstock.settings.retention import RetentionSettings
from penstock.settings.secrets import BackendChoice
from penstock.settings.services import ServiceChoice
from penstock.settings.settings import SECTIONS, Settings

__all__ = [
    "FILE",
    "SECTIONS",
    "BackendChoice",
    "ExecutorChoice",
    "RetentionSettings",
    "ServiceChoice",
    "Settings",
    "load_settings",
    "with_secret_files",
]
