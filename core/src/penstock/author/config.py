"""Variables and connections, as DAG files and tasks ask for them."""

from typing import Any

import msgspec

from penstock.author.runtime import current
from penstock.errors import NotFoundError, RequestError, as_sentence
from penstock.model import connection as model

_MISSING = object()


class Variable:
    """Settings that are kept outside of DAG files.

    A DAG file that reads one while it is imported is imported again when that Variable changes.
    """

    @staticmethod
    def get(key: str, default: Any = _MISSING, *, deserialize_json: bool = False, default_var: Any = _MISSING) -> Any:  # noqa: ANN401 - JSON, or what the caller gave
        """The Variable's text, or the value of its JSON.

        Args:
            key: Its name.
            default: What is returned if there is none; ``default_var`` is the same.
            deserialize_json: Whether the text is JSON whose value is wanted.
            default_var: Airflow 2's name of ``default``.

        Raises:
            NotFoundError: If there is none and no default was given.
            RequestError: If the text is not the JSON it should be.
        """
        text = current.get().variable(key)
        if text is None:
            fallback = default if default is not _MISSING else default_var
            if fallback is _MISSING:
                raise NotFoundError("Variable", key, hint=f"Set it with: penstock variables set {key} VALUE")
            return fallback
        if not deserialize_json:
            return text
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise RequestError(f"Variable {key!r} was to be read as JSON and is none: {as_sentence(error)}") from None

    @staticmethod
    def set(key: str, value: Any, *, serialize_json: bool = False) -> None:  # noqa: ANN401 - text or any JSON value
        """Store a Variable.

        Raises:
            RequestError: The value is no text, and ``serialize_json`` is not asked for.
        """
        if serialize_json:
            value = msgspec.json.encode(value).decode()
        elif not isinstance(value, str):
            raise RequestError(
                f"Variable {key!r}: a {type(value).__name__} is no text. Pass serialize_json=True to store its JSON."
            )
        current.get().set_variable(key, value)

    @staticmethod
    def delete(key: str) -> None:
        """Remove a Variable; no error if there is none."""
        current.get().set_variable(key, None)


class Connection(model.Connection, frozen=True):
    """An external service's address and credentials; `get` finds one by its id."""

    @staticmethod
    def get(conn_id: str) -> model.Connection:
        """Find the connection of this id.

        Raises:
            penstock.errors.NotFoundError: There is none.
        """
        return current.get().connection(conn_id)
