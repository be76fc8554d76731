"""What all contracts share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def workspace() -> Path:
    """The root of the workspace."""
    return Path(__file__).parents[2]
