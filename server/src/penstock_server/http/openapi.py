"""Writes the OpenAPI 3.1 document of the operations: paths and parameters of their signatures, texts of their docstrings."""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any, Protocol, get_args, get_origin

import msgspec

from penstock.service.operations.operation import Operation
from penstock_server.http.changes.precondition import readers
from penstock_server.http.download import FILE, LINES
from penstock_server.http.parameters import Parameter, Parameters
from penstock_server.http.problems import MEDIA_TYPE, Problem

_TEMPLATE = "#/components/schemas/{name}"


class Described(Protocol):
    """An operation with its parameters."""

    @property
    def operation(self) -> Operation:
        """The operation."""

    @property
    def parameters(self) -> Parameters:
        """What it takes."""


def document(table: Sequence[Described]) -> dict[str, Any]:
    """The document of operations, as data."""
    types = [Problem]
    for each in table:
        types += [parameter.type for parameter in each.parameters.all]
        types.append(streamed(each.parameters.answer) or each.parameters.answer)
    made, components = msgspec.json.schema_components(types, schema_hook=_schema, ref_template=_TEMPLATE)
    schemas = iter(made)
    problem = next(schemas)
    paths: dict[str, dict[str, Any]] = {}
    read_by = readers(table)
    for each in table:
        described = _described(each, schemas)
        if (read := read_by.get(each.operation.name)) is not None:
            described["parameters"] += _conditions(read.operation)
        paths.setdefault(each.operation.path, {})[each.operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Penstock", "version": "1", "description": "Everything that the command line can do."},
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {"problem": {"description": "What went wrong.", "content": {MEDIA_TYPE: {"schema": problem}}}},
        },
    }


def streamed(answer: Any) -> Any:  # noqa: ANN401 - types have no type
    """What each line of a stream is; None if the answer is no stream."""
    origin = get_origin(answer)
    if isinstance(origin, type) and issubclass(origin, Iterator):
        return get_args(answer)[0]
    return None


def _described(known: Described, schemas: Iterator[dict[str, Any]]) -> dict[str, Any]:
    operation, parameters = known.operation, known.parameters
    text = inspect.getdoc(operation.function) or ""
    with_schemas = [(each, next(schemas)) for each in parameters.all]
    kinds = _kinds(parameters.answer, next(schemas))
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": text.partition("\n")[0],
        "tags": [operation.path.strip("/").partition("/")[0]],
        "parameters": [_parameter(each, schema) for each, schema in with_schemas if each.place != "body"],
        "responses": {
            "200": {
                "description": "What was asked for.",
                "content": kinds,
            },
            "default": {"$ref": "#/components/responses/problem"},
        },
    }
    if operation.needs is not None:
        described["description"] = f"Needs the permission `{operation.needs}`."
    inside = [(each, schema) for each, schema in with_schemas if each.place == "body"]
    if parameters.place == "body":
        described["requestBody"] = {
            "required": any(each.required for each, _ in inside),
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {each.name: schema for each, schema in inside},
                        "required": [each.name for each, _ in inside if each.required],
                        "additionalProperties": False,
                    }
                }
            },
        }
    return described


def _conditions(read: Operation) -> list[dict[str, Any]]:
    """The headers by which a change is made only if a thing is as it was read."""
    route = f"`GET {read.path}`"
    return [
        {
            "name": name, "in": "header", "required": False, "schema": schema, "description": f"{text} Else it is refused (412).",
        }
        for name, schema, text in (
            ("If-Match", {"type": "string"}, f"Change it only if this is the ETag that {route} answers with."),
            ("If-None-Match", {"const": "*"}, f"Change it only if {route} finds nothing."),
        )
    ]  # fmt: skip


def _kinds(answer: Any, schema: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - types have no type
    """The media types of an answer: a content is a file, or lines with pieces of it for whoever asks for lines."""
    line = streamed(answer)
    if line is None:
        return {"application/json": {"schema": schema}}
    return {**({FILE: {}} if line is bytes else {}), LINES: {"schema": schema}}


def _parameter(parameter: Parameter, schema: dict[str, Any]) -> dict[str, Any]:
    path = parameter.place == "path"
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": path or parameter.required,
        "schema": {**schema, "minLength": 1} if path and schema.get("type") == "string" else schema,
    }


def _schema(unknown: type) -> dict[str, Any]:
    if issubclass(unknown, PurePath):
        return {"type": "string"}
    raise NotImplementedError
