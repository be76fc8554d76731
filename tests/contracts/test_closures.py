"""What a provider, and the server, bring beyond the core, without their extras, as they are installed here."""

from importlib.metadata import distribution, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

MOST_MB = 30.0
MOST_OF_THE_SERVER = (25, 40.0)
"""Distributions and megabytes beyond those of the core."""


def closure(name, extras=(), found=None):
    """A distribution and all that it requires on this machine, by their names."""
    found = {} if found is None else found
    wanted = {"", *extras} - found.get(name, set())
    found.setdefault(name, set()).update(wanted)
    for text in requires(name) or () if wanted else ():
        requirement = Requirement(text)
        marker = requirement.marker
        if any(marker is None or marker.evaluate({"extra": extra}) for extra in wanted):
            closure(canonicalize_name(requirement.name), requirement.extras, found)
    return found


def megabytes(name):
    """The files of a distribution as they were installed, without what Python compiled of them."""
    files = [each.locate() for each in distribution(name).files or () if each.suffix != ".pyc"]
    return sum(each.stat().st_size for each in files if each.exists()) / 1e6


def providers(workspace):
    return [f"penstock-providers-{each.parent.name}" for each in sorted(workspace.glob("providers/*/pyproject.toml"))]


def test_a_provider_brings_little_beyond_the_core(workspace):
    core = closure("penstock-core").keys()
    brought = {each: sum(map(megabytes, closure(each).keys() - core)) for each in providers(workspace)}
    assert {name: size for name, size in brought.items() if size > MOST_MB} == {}
    assert len(brought) >= 5


def test_the_server_brings_little_beyond_the_core():
    brought = closure("penstock-server").keys() - closure("penstock-core").keys()
    assert "starlette" in brought
    assert len(brought) <= MOST_OF_THE_SERVER[0]
    assert sum(map(megabytes, brought)) <= MOST_OF_THE_SERVER[1]


def test_the_measure_sees_what_is_required_on_this_machine():
    assert "msgspec" in closure("penstock-core")
    assert "psycopg-binary" not in closure("penstock-core")
    assert "psycopg-binary" in closure("penstock-core", ["postgres"])
    assert megabytes("sqlalchemy") > 5
