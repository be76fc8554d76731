"""What stands beside the core in the workspace's own environment, and what an installation of a test is started without."""

from collections.abc import Mapping

WITHOUT_SERVER: Mapping[str, str] = {"PENSTOCK_DISABLED_PROVIDERS": "server"}
"""Variables with which ``penstock up`` keeps no server: all installations of a machine would want its one port."""
