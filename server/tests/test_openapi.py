"""The OpenAPI document: an independent validator finds no fault in it, and a client made of it finds no answer that it does not foresee."""

import json
from http import HTTPStatus
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from penstock.service.operations.table import operations
from penstock_server.commands import openapi
from penstock_testkit.nightly import at_night


@pytest.fixture
def document(call):
    return call("GET", "/api/v1/openapi.json").json


def test_an_independent_validator_finds_no_fault_in_it(document):
    assert [str(each) for each in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_a_command_prints_it_without_a_server(document, capsys):
    assert openapi() == 0
    assert json.loads(capsys.readouterr().out) == document


def test_each_operation_says_what_it_is_and_what_it_needs(document):
    for each in operations():
        described = document["paths"][each.path][each.method.lower()]
        assert described["summary"]
        assert each.needs is None or f"`{each.needs}`" in described["description"]


@pytest.mark.timeout(300)  # it computes for long, on a machine that others may fill
def test_a_client_made_of_it_meets_no_answer_that_it_does_not_foresee(document, call):
    """Values of each type that the document allows, and others: an answer, or a refusal in a sentence, and never a fault."""
    schema = schemathesis.openapi.from_dict(document)
    found = []
    for each in schema.get_all_operations():
        if each.ok().path.endswith("/log/stream"):
            continue  # it goes on until a task has ended, and here nobody runs one
        cases = each.ok().as_strategy() | each.ok().as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

        @settings(max_examples=at_night(8, 2), deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=cases, dag=st.sampled_from(["sales", "health", ""]))
        def asked(case, dag):
            named = {**(case.path_parameters or {})}
            named |= {"dag_id": dag} if dag and "dag_id" in named else {}
            path = case.path
            for name, value in named.items():
                path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
            query = urlencode(case.query or {}, doseq=True)
            answer = call(case.method, f"/api/v1{path}{'?' * bool(query)}{query}", _sent(case.body))
            if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                found.append(f"{case.method} {path} {query} {case.body!r}: {answer.json['detail']}")
            elif answer.status != HTTPStatus.OK and not answer.json["detail"].strip():
                found.append(f"{case.method} {path} {query}: {answer.status} without a sentence")

        asked()
    assert found == []


def _sent(body):
    if isinstance(body, schemathesis.core.NotSet):
        return None
    return body if isinstance(body, bytes) else json.dumps(body).encode()
