"""Writes what the UI may ask for, as TypeScript: the routes that its sources name, each with its parameters and its answer.

``python tools/ui_routes.py`` writes ``server/ui/src/lib/api/routes.ts``; with ``--check`` it ends with 1 if that file is another.
"""

import inspect
import re
import sys
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from penstock.service.operations.operation import Operation
from penstock.service.operations.table import operations

ROOT = Path(__file__).parent.parent
SOURCES = Path("server/ui/src")
ROUTES = SOURCES / "lib" / "api" / "routes.ts"
LEFT_OUT = frozenset({"by"})
"""Parameters that the server fills in; of who asks, a client gives why he does."""

_NAMED = re.compile(r"""(?:call|address|change|begin|Held)\(\s*"((?:GET|POST|PUT|PATCH|DELETE) [^"]+)\"""")
_SIMPLE = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def routes_named(folder: Path) -> list[str]:
    """The routes that the sources in a folder call, sorted."""
    texts = [
        path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*")) if path.suffix in {".ts", ".svelte"}
    ]
    return sorted({route for text in texts for route in routes_named_in(text)})


def routes_named_in(text: str) -> list[str]:
    """The routes that one source calls."""
    return _NAMED.findall(text)


def typescript(named: Iterable[str], table: Iterable[Operation]) -> str:
    """What is written for routes.

    Raises:
        LookupError: No operation has one of the routes.
    """
    known = {f"{each.method} {each.path}": each for each in table}
    if unknown := [route for route in named if route not in known]:
        raise LookupError(f"no operation has the route {unknown[0]!r}, which the UI calls.")
    chosen = {route: known[route] for route in named}
    answers = {route: _answer(each) for route, each in chosen.items()}
    parameters = {route: list(_parameters(each)) for route, each in chosen.items()}
    types = [*answers.values(), *(kind for found in parameters.values() for _, kind, _ in found)]
    schemas, components = msgspec.json.schema_components(types, schema_hook=_hook, ref_template="{name}")
    text = dict(zip([id(kind) for kind in types], map(_type, schemas), strict=True))
    lines = ["/** Written by tools/ui_routes.py from the operations of the service: do not change it here. */", ""]
    for name, schema in sorted(components.items()):
        lines += _component(_word(name), schema)
    lines += ["export interface Routes {"]
    for route in chosen:
        fields = "; ".join(f"{name}{'?' if free else ''}: {text[id(kind)]}" for name, kind, free in parameters[route])
        lines += [
            f'  "{route}": {{',
            f"    parameters: {{ {fields} }};",
            f"    answer: {text[id(answers[route])]};",
            "  };",
        ]
    return "\n".join([*lines, "}", ""])


def _hook(_kind: object) -> dict[str, Any]:
    return {}


def _answer(operation: Operation) -> object:
    found = typing.get_type_hints(inspect.unwrap(operation.function)).get("return")
    if typing.get_origin(found) in {Iterator, Iterable}:
        return list[typing.get_args(found)[0]]  # type: ignore[misc]
    return found


def _parameters(operation: Operation) -> Iterator[tuple[str, object, bool]]:
    function = inspect.unwrap(operation.function)
    hints = typing.get_type_hints(function)
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.name not in LEFT_OUT:
            free = parameter.default is not inspect.Parameter.empty and f"{{{parameter.name}}}" not in operation.path
            yield parameter.name, hints[parameter.name], free
    if "by" in hints and "why" not in hints:
        yield "why", str, True


def _component(name: str, schema: Mapping[str, Any]) -> list[str]:
    if "properties" not in schema:
        return [f"export type {name} = {_type(schema)};", ""]
    free = schema["properties"].keys() - schema.get("required", ()) if schema["title"] in _sparse() else ()
    fields = [
        f"  {field}{'?' if field in free else ''}: {_type(each)};" for field, each in schema["properties"].items()
    ]
    return [f"export interface {name} {{", *fields, "}", ""]


def _sparse() -> set[str]:
    """Names of the structs that leave out what is as it would be anyway."""
    found: set[str] = set()
    waiting: list[type[msgspec.Struct]] = [msgspec.Struct]
    while waiting:
        for each in waiting.pop().__subclasses__():
            waiting.append(each)
            if each.__struct_config__.omit_defaults:
                found.add(each.__name__)
    return found


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _word(schema["$ref"])
    if "anyOf" in schema:
        return " | ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(msgspec.json.encode(each).decode() for each in schema["enum"])
    if "const" in schema:
        return msgspec.json.encode(schema["const"]).decode()
    match schema.get("type"):
        case "array":
            if "prefixItems" in schema:
                return f"[{', '.join(map(_type, schema['prefixItems']))}]"
            return f"({_type(schema['items'])})[]" if schema.get("items") else "unknown[]"
        case "object":
            values = schema.get("additionalProperties")
            return f"Record<string, {_type(values) if isinstance(values, Mapping) else 'unknown'}>"
        case kind:
            return _SIMPLE.get(str(kind), "unknown")


def _word(name: str) -> str:
    return re.sub(r"\W+", "", re.sub(r"^(\w+?)_(\w+)_$", r"\1Of\2", name))


def main(words: list[str]) -> int:
    """Write the file, or check that it is as it would be written; 1 if it is not."""
    wanted = typescript(routes_named(ROOT / SOURCES), operations())
    if "--check" in words:
        return 0 if (ROOT / ROUTES).read_text(encoding="utf-8") == wanted else 1
    (ROOT / ROUTES).write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
