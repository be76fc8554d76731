"""Arrays and tables that tasks leave: the same comes back, or a sentence says why it cannot."""

import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from penstock.errors import FailTask
from penstock.model.values.not_serialisable import NotSerialisableError
from penstock.model.values.value import TAG, decode, encode

ARRAYS = [
    np.arange(6, dtype="int8").reshape(2, 3), np.array([0.5, np.nan, -np.inf]), np.asfortranarray(np.eye(3)), np.zeros((0, 4)),
    np.array(["a", "é"]), np.array([b"x\0y"]), np.array(["2026-01-01", "NaT"], "datetime64[ns]"), np.arange(10)[::2],
    np.array([(1, 2.5)], dtype=[("n", "i4"), ("x", "f8")]), np.array([1j]), np.array([True]),
]  # fmt: skip
FRAMES = [
    pd.DataFrame({"n": [1, 2], "x": [0.5, np.nan], "s": ["a", None]}),
    pd.DataFrame(),
    pd.DataFrame({"when": pd.to_datetime(["2026-01-01T10:00Z", None]), "c": pd.Categorical(["a", "b"], ordered=True)}),
    pd.DataFrame({"d": [Decimal("1.50"), None], "i": pd.array([1, None], dtype="Int64")}, index=["x", "y"]),
    pd.DataFrame({"v": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", "n"])),
    pd.DataFrame({"v": [1, 2]}, index=pd.date_range("2026-01-01", periods=2, tz="Europe/Paris", name="day")),
]
SERIES = [pd.Series([1, 2], name="n"), pd.Series(["a"]), pd.Series([0.5], name=7, index=["x"])]
ARROW = [
    pa.table({"n": pa.chunked_array([[1], [2, None]]), "l": [["a"], [], None]}).replace_schema_metadata({"by": "us"}),
    pa.table({}), pa.record_batch({"t": pa.array([1], pa.timestamp("us", "UTC"))}), pa.record_batch({"n": pa.array([], pa.int8())}),
]  # fmt: skip


def again(value):
    return decode(encode({"held": [value]}, typed=True), typed=True)["held"][0]


@pytest.mark.parametrize("value", ARRAYS, ids=lambda value: f"{value.dtype}{value.shape}")
def test_an_array_comes_back_with_its_type_and_shape(value):
    back = again(value)
    assert back.dtype == value.dtype
    np.testing.assert_array_equal(back, value, strict=True)


@pytest.mark.parametrize("value", FRAMES, ids=lambda value: ",".join(map(str, value.columns)))
def test_a_frame_comes_back_with_its_types_and_index(value):
    pd.testing.assert_frame_equal(again(value), value, check_freq=False)


@pytest.mark.parametrize("value", SERIES, ids=lambda value: str(value.name))
def test_a_series_comes_back_with_its_name(value):
    pd.testing.assert_series_equal(again(value), value)


@pytest.mark.parametrize("value", ARROW, ids=lambda value: str(value.column_names))
def test_a_table_of_arrow_comes_back_with_its_schema(value):
    back = again(value)
    assert type(back) is type(value)
    assert back.equals(value, check_metadata=True)


REFUSED = {
    "objects": (np.array([1, "a"], dtype=object), "a numpy.ndarray of object has no JSON form. Give it a dtype"),
    "more than an array": (np.ma.array([1, 2], mask=[True, False]), "MaskedArray has no JSON form"),
    "mixed": (pd.DataFrame({"a": [1, "b"]}), "a pandas.DataFrame .* has no JSON form. Give each column one type"),
    "lists": (pd.DataFrame({"a": [[1], [2]]}), r"\(it would come back with other values or types\)"),
    "two of a name": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "a pandas.DataFrame .* has no JSON form"),
    "a name that is no text": (pd.Series([1], name=("a", 1)), r"a pandas.Series named \('a', 1\)"),
}


@pytest.mark.parametrize(("value", "said"), REFUSED.values(), ids=REFUSED)
def test_what_would_come_back_as_something_else_is_refused(value, said):
    with pytest.raises(NotSerialisableError, match=said):
        encode(value, typed=True)


def test_a_library_that_is_not_there_is_named_by_who_writes_and_who_reads(monkeypatch):
    written = [encode(value, typed=True) for value in (FRAMES[0], ARROW[0])]
    for module in ("pyarrow", "pyarrow.ipc"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        NotSerialisableError, match=r"pyarrow, and that is not installed here, has no JSON form\. Install"
    ):
        encode(FRAMES[0], typed=True)
    for data, name in zip(written, ("pandas.DataFrame", "pyarrow.Table"), strict=True):
        with pytest.raises(FailTask, match=f"it is a {name}, which cannot be read here: .*pyarrow.* Install it where"):
            decode(data, typed=True)


def test_who_has_no_table_loads_no_library():
    code = (
        "import sys; from penstock.model.values.value import decode, encode; decode(encode({'a': [1, {2}]}, typed=True), typed=True); "
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_no_task_has_left_makes_no_table():
    assert decode(encode(ARRAYS[0], typed=True))[TAG] == "ndarray"
    with pytest.raises(NotSerialisableError):
        encode(ARRAYS[0])
