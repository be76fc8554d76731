"""A provider's pyproject.toml: whatever stands in it, it is read or refused with a sentence, and nothing outside is touched."""

import pytest

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.model.provider_project import read_project

POINTS = '[project.entry-points."penstock.providers"]\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x", "is no valid TOML"),
        ("project = 1", "project must be a table"),
        ("[project]\nname = 1", "project.name must be a text"),
        ('[project]\nname = "a\\nb"', "project.name must be a text in one line"),
        ("[project]\nversion = 1.0", "project.version must be a text"),
        ("[project]\nentry-points = 1", "project.entry-points must be a table"),
        ('[project]\nentry-points = { "penstock.providers" = 1 }', "penstock.providers must be a table"),
        ("[project]\ndependencies = 1", "project.dependencies must be a list"),
        ("[project]\ndependencies = [1]", "project.dependencies must be a list"),
        ("[project]\noptional-dependencies = 1", "project.optional-dependencies must be a table"),
        ('[project]\noptional-dependencies = { a = "b" }', "project.optional-dependencies.a must be a list"),
        ("dependency-groups = 1", "dependency-groups must be a table"),
        ("[dependency-groups]\ntests = 1", "dependency-groups.tests must be a list"),
        (f'{POINTS}"../../precious" = "a:provider.toml"', "the entry point '../../precious' must be a provider's id"),
        (f'{POINTS}"/precious" = "a:provider.toml"', "the entry point '/precious' must be a provider's id"),
    ],
)
def test_what_has_another_shape_is_refused_by_its_name(tmp_path, text, says):
    (tmp_path / "pyproject.toml").write_text(text)

    with pytest.raises(ManagerError) as error:
        read_project(tmp_path)
    assert says in str(error.value)
    assert error.value.hint


def test_what_is_left_out_is_empty(tmp_path):
    (tmp_path / "pyproject.toml").write_text(f'{POINTS}acme = "penstock_acme:provider.toml"')

    read = read_project(tmp_path)
    assert read.providers == {"acme": "penstock_acme:provider.toml"}
    assert (read.name, read.version, read.dependencies, read.extras, read.groups) == ("", "", (), {}, {})
