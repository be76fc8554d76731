"""Everything that DAG files use of Penstock, imported once, so that no child has to."""

import importlib
import pkgutil

import penstock
from penstock import author

# What authoring imports only when it is used, to keep `import penstock` cheap.
_ON_DEMAND = ("cronsim", "difflib", "inspect", "jinja2", "jinja2.ext", "zoneinfo", "linecache", "traceback")


def preload() -> None:
    """Import the front door's names and what they use later; nothing of any provider."""
    for name in penstock.__all__:
        getattr(penstock, name)
    for name in _ON_DEMAND:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(author.__path__, f"{author.__name__}."):
        importlib.import_module(module.name)
