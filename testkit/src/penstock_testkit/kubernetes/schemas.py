"""Bodies are read as the API server reads them: by the types of the API, those of the official client's own models.

A field that the API does not have is dropped with a warning, or refused with 400 where the request says
``fieldValidation=Strict`` ("Server-side field validation", kubernetes.io). A value of another type is always refused.
"""

import re
from typing import Any

from penstock_testkit.kubernetes.api_refusals import ApiRefusedError

_LIST = re.compile(r"[Ll]ist\[(.+)\]")
_MAP = re.compile(r"[Dd]ict(?:\(str, (?P<old>.+)\)|\[str, (?P<new>.+)\])")
_PLAIN: dict[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "bool": (bool,), "float": (int, float), "datetime": (str,), "bytes": (str,), "bytearray": (str,),
}  # fmt: skip


def decoded(kind: str, value: object, *, strict: bool) -> tuple[dict[str, Any], list[str]]:
    """The object with the fields that the API has, and what is to be warned of.

    Args:
        kind: The model's name, such as ``V1Pod``.
        value: The body.
        strict: Whether fields that the API does not have are refused.

    Raises:
        ApiRefusedError: 400, in the words of the decoder.
    """
    unknown: list[str] = []
    made = _read(kind, value, "", unknown)
    shown = kind.removeprefix("V1")
    if unknown and strict:
        messages = ", ".join(f'unknown field "{each}"' for each in unknown)
        raise ApiRefusedError(
            400, f'{shown} in version "v1" cannot be handled as a {shown}: strict decoding error: {messages}'
        )
    assert isinstance(made, dict)  # noqa: S101 - of a model
    return made, [f'unknown field "{each}"' for each in unknown]


def _read(kind: str, value: object, path: str, unknown: list[str]) -> object:
    if value is None or kind == "object":
        return value
    if found := _LIST.fullmatch(kind):
        _expect(value, (list,), path, kind)
        assert isinstance(value, list)  # noqa: S101 - for type checkers
        return [_read(found[1], each, f"{path}[{number}]", unknown) for number, each in enumerate(value)]
    if found := _MAP.fullmatch(kind):
        _expect(value, (dict,), path, kind)
        assert isinstance(value, dict)  # noqa: S101
        inner = found["old"] or found["new"]
        return {key: _read(inner, each, f"{path}.{key}".lstrip("."), unknown) for key, each in value.items()}
    if kind in _PLAIN:
        _expect(value, _PLAIN[kind], path, kind)
        return value
    return _model(kind, value, path, unknown)


def _model(kind: str, value: object, path: str, unknown: list[str]) -> object:
    from kubernetes.client import models  # noqa: PLC0415 - takes most of a second, and only who asks the fake needs it

    model = getattr(models, kind, None)
    types = getattr(model, "openapi_types", None)
    if model is None or not types:  # a quantity, an int-or-string
        return value
    _expect(value, (dict,), path, kind)
    assert isinstance(value, dict)  # noqa: S101
    names = {model.attribute_map[attribute]: each for attribute, each in types.items()}
    made = {}
    for name, each in value.items():
        where = f"{path}.{name}".lstrip(".")
        if name not in names:
            unknown.append(where)
        elif each is not None:
            made[name] = _read(names[name], each, where, unknown)
    return made


def _expect(value: object, wanted: tuple[type, ...], path: str, kind: str) -> None:
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise ApiRefusedError(
            400,
            f"json: cannot unmarshal {type(value).__name__} into Go struct field {path or 'of the object'} of type {kind}",
        )
