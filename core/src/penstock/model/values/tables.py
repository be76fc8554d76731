"""Arrays and tables of NumPy, pandas and Arrow, in the formats that these have made for files: no pickle, any version reads them.

A library is looked for among those that are loaded already; without it nothing here costs anything.
"""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from typing import Any, NamedTuple

from penstock.errors import FailTask, as_sentence
from penstock.model.values.not_serialisable import NotSerialisableError


class _Format(NamedTuple):
    """How values of one class are written.

    Attributes:
        module: Of the class.
        name: Of the class.
        write: The bytes of a value.
        read: The value of its bytes.
    """

    module: str
    name: str
    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]


def written(value: Any) -> tuple[str, bytes] | None:  # noqa: ANN401 - any value
    """The tag and the bytes of an array or a table; None if the value is neither.

    Raises:
        NotSerialisableError: It cannot be written, or would be read as another value.
    """
    for tag, form in _FORMATS.items():
        # A subclass may hold more than its base: it is none.
        if type(value) is getattr(sys.modules.get(form.module), form.name, None):
            return tag, form.write(value)
    return None


def read(tag: str, data: bytes) -> Any:  # noqa: ANN401 - any value
    """The array or the table of its bytes.

    Raises:
        FailTask: The library is not installed here.
    """
    form = _FORMATS[tag]
    try:
        return form.read(data)
    except ImportError as error:
        raise FailTask(
            f"it is a {form.module}.{form.name}, which cannot be read here: {as_sentence(error)} Install it where this task runs."
        ) from None


def _write_array(value: Any) -> bytes:  # noqa: ANN401 - an array
    buffer = BytesIO()
    try:
        import_module("numpy.lib.format").write_array(buffer, value, allow_pickle=False)
    except ValueError:
        raise NotSerialisableError(
            f"a numpy.ndarray of {value.dtype}", "Give it a dtype of numbers, text or dates, or return value.tolist()."
        ) from None
    return buffer.getvalue()


def _read_array(data: bytes) -> Any:  # noqa: ANN401 - an array
    return import_module("numpy.lib.format").read_array(BytesIO(data), allow_pickle=False)


def _write_frame(value: Any) -> bytes:  # noqa: ANN401 - a frame
    return _stream(_arrow_table(value, "pandas.DataFrame"))


def _read_frame(data: bytes) -> Any:  # noqa: ANN401 - a frame
    import_module("pandas")
    return _read_table(data).to_pandas()


def _write_series(value: Any) -> bytes:  # noqa: ANN401 - a series
    if not isinstance(value.name, str | int | None):
        raise NotSerialisableError(f"a pandas.Series named {value.name!r:.60}", "Give it a name that is text.")
    table = _arrow_table(value.to_frame(_VALUES), "pandas.Series")
    return _stream(table.replace_schema_metadata({**table.schema.metadata, _NAME: json.dumps(value.name)}))


def _read_series(data: bytes) -> Any:  # noqa: ANN401 - a series
    import_module("pandas")
    table = _read_table(data)
    return table.to_pandas()[_VALUES].rename(json.loads(table.schema.metadata[_NAME]))


def _arrow_table(frame: Any, what: str) -> Any:  # noqa: ANN401 - a frame, a table
    """The table of a frame from which the same frame comes back."""
    try:
        arrow = import_module("pyarrow")
    except ImportError:
        raise NotSerialisableError(
            f"a {what}, which is written by pyarrow, and that is not installed here,",
            "Install pyarrow, or return value.to_dict('list').",
        ) from None
    try:
        table = arrow.Table.from_pandas(frame)
        back = table.to_pandas()
        same = back.equals(frame) and list(back.dtypes) == list(frame.dtypes)
        fault = "" if same else "it would come back with other values or types"
    except (arrow.ArrowException, ValueError, TypeError, NotImplementedError) as error:
        fault = str(error).partition("\n")[0]
    if fault:
        advice = "Give each column one type that Arrow has, or put the data into a file and return its path or URL."
        raise NotSerialisableError(f"a {what} ({fault})", advice)
    return table


def _stream(value: Any) -> bytes:  # noqa: ANN401 - a table or a batch
    arrow = import_module("pyarrow")
    sink = arrow.BufferOutputStream()
    with import_module("pyarrow.ipc").new_stream(sink, value.schema) as stream:
        stream.write(value)
    found: bytes = sink.getvalue().to_pybytes()
    return found


def _read_table(data: bytes) -> Any:  # noqa: ANN401 - a table
    return import_module("pyarrow.ipc").open_stream(data).read_all()


def _read_batch(data: bytes) -> Any:  # noqa: ANN401 - a batch
    return import_module("pyarrow.ipc").open_stream(data).read_next_batch()


_VALUES, _NAME = "values", b"penstock.name"
_FORMATS = {
    "ndarray": _Format("numpy", "ndarray", _write_array, _read_array),
    "dataframe": _Format("pandas", "DataFrame", _write_frame, _read_frame),
    "series": _Format("pandas", "Series", _write_series, _read_series),
    "table": _Format("pyarrow", "Table", _stream, _read_table),
    "recordbatch": _Format("pyarrow", "RecordBatch", _stream, _read_batch),
}
TAGS = frozenset(_FORMATS)
"""The tags of values that `read` reads."""
