"""Names that users and tasks choose: of runs, Variables, pools, XComs."""

from typing import Any

from penstock.errors import RequestError

LONGEST_NAME = 250
LONGEST_XCOM_KEY = 512  # Airflow's bound


def check_name(kind: str, name: str) -> None:
    """Refuse a name that cannot be stored, typed or shown.

    Args:
        kind: What it names, for the message.
        name: The name.

    Raises:
        RequestError: It is empty or too long, has a space at an end, or a character that cannot be printed.
    """
    if not name or name != name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise RequestError(
            f"{kind} {name[:300]!r}: a name has 1 to {LONGEST_NAME} printable characters and no space at either end."
        )


def xcom_key_problem(key: Any) -> str:  # noqa: ANN401 - what a task gave
    """Say why a value cannot be kept under a key; "" if it can."""
    if not isinstance(key, str):
        return f"the XCom key {key!r:.300} is a {type(key).__name__} and no text"
    if any("\ud800" <= each <= "\udfff" for each in key):
        return f"the XCom key {key[:300]!r} is no Unicode text"
    if "\0" in key:
        return f"the XCom key {key[:300]!r} holds a NUL character, which no database keeps"
    if len(key) > LONGEST_XCOM_KEY:
        return f"the XCom key {key[:60]!r}... has {len(key):,} characters; at most {LONGEST_XCOM_KEY} are kept"
    return ""
