"""Distributions made on the spot, as installers leave them."""

import pytest

from penstock_testkit.installations import Site


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "site")
