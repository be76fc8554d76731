"""A store is asked for by URL, through the runtime around the code."""

import pytest

from penstock.author.runtime import current
from penstock.errors import RequestError
from penstock.spec.object_store import open_store


class Surroundings:
    """A runtime that notes what it is asked for."""

    def object_store(self, url, conn_id):
        """What it was asked for."""
        return url, conn_id


def test_the_runtime_answers():
    token = current.set(Surroundings())
    try:
        assert open_store("s3://b/k", "mine") == ("s3://b/k", "mine")
    finally:
        current.reset(token)


def test_nobody_answers_outside_of_a_runtime():
    with pytest.raises(RequestError, match="the object store of"):
        open_store("s3://b/k")
