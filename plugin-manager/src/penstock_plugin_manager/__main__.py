"""Runs the manager as ``python -m penstock_plugin_manager``."""

import sys

from penstock_plugin_manager.cli import main

if __name__ == "__main__":
    sys.exit(main())
