"""What the UI asks for, and the types that it takes the answers to have, are those of the operations."""

import pytest

import ui_routes
from penstock.service.operations.table import operations


def test_the_types_of_the_ui_are_those_of_the_operations():
    wanted = ui_routes.typescript(ui_routes.routes_named(ui_routes.ROOT / ui_routes.SOURCES), operations())
    assert (ui_routes.ROOT / ui_routes.ROUTES).read_text() == wanted, "run: python tools/ui_routes.py"


def test_a_route_that_no_operation_has_is_told_by_its_name():
    with pytest.raises(LookupError, match="no operation has the route 'GET /nothing'"):
        ui_routes.typescript(["GET /nothing"], operations())


def test_a_field_that_may_be_left_out_is_free_and_another_is_not():
    text = ui_routes.typescript(["GET /dags/{dag_id}"], operations())
    assert "  doc?: string;\n" in text
    assert "  schedule: string;\n" in text
    assert '"GET /dags/{dag_id}": {\n    parameters: { dag_id: string };' in text
