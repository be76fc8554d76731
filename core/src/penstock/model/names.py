"""Names that users and tasks choose, of runs, Variables, pools, XComs and alert channels; and the bounds of the conf of a run."""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from penstock.errors import PenstockError, RequestError, did_you_mean
from penstock.model import text as texts
from penstock.model.dag import MAILTO

LONGEST_NAME = 250
LONGEST_XCOM_KEY = 512  # Airflow's bound
LARGEST_CONF = 1 << 20
"""Bytes of its JSON."""

DEEPEST_CONF = 100
"""Levels of lists and objects within each other: far fewer than any reader of JSON takes."""

LARGEST_CHECKPOINT, MOST_CHECKPOINTS = 65_536, 100
"""Bytes of a checkpoint's JSON, and checkpoints of one task instance."""
LARGEST_STATE, MOST_STATE = 65_536, 1_000
"""Bytes of the JSON of what is kept from run to run, and keys of one task or asset."""
OWN_CHECKPOINTS = "penstock."
"""What the keys of checkpoints begin with that are no author's: that of a job elsewhere, of one from before a clear, and of steps."""
JOB, LEFT_JOB = f"{OWN_CHECKPOINTS}job", f"{OWN_CHECKPOINTS}job.left"
STEP, STEP_COUNT = f"{OWN_CHECKPOINTS}step.", f"{OWN_CHECKPOINTS}steps"
"""What the key of a step's checkpoint begins with, and the checkpoint that counts them."""
MOST_STEPS, LARGEST_STEPS = 10_000, 64 << 20
"""Steps of one task instance, and bytes of all their JSON in the database."""


def check_name(kind: str, name: str) -> None:
    """Refuse a name that cannot be stored, typed or shown.

    Args:
        kind: What it names, for the message.
        name: The name.

    Raises:
        RequestError: It is empty or too long, has a space at an end, or a character that cannot be printed; or it is a dot or two.
    """
    # A browser takes a part of a path that is . or .. for a way, however it is written (URL standard, 4.4).
    if not name or name != name.strip() or not name.isprintable() or len(name) > LONGEST_NAME or name in {".", ".."}:
        raise RequestError(
            f"{kind} {name[:300]!r}: a name has 1 to {LONGEST_NAME} printable characters, no space at either end, and is not . or .."
        )


def check_text(kind: str, name: str, text: str) -> None:
    """Refuse a text that UTF-8 cannot write.

    Args:
        kind: What holds it, for the message.
        name: Its name.
        text: The text.

    Raises:
        RequestError: It has a lone surrogate, as what was read with another encoding may have.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RequestError(
            f"{kind} {name!r}: character {error.start + 1} is {text[error.start]!r}, half of a character, which cannot be stored."
        ) from None


def xcom_key_problem(key: Any) -> str:  # noqa: ANN401 - what a task gave
    """Say why a value cannot be kept under a key; "" if it can."""
    if not isinstance(key, str):
        return f"the XCom key {key!r:.300} is no text, but of type {type(key).__name__}"
    if any("\ud800" <= each <= "\udfff" for each in key):
        return f"the XCom key {key[:300]!r} is no Unicode text"
    if "\0" in key:
        return f"the XCom key {key[:300]!r} holds a NUL character, which no database keeps"
    if len(key) > LONGEST_XCOM_KEY:
        return f"the XCom key {key[:60]!r}... has {len(key):,} characters; at most {LONGEST_XCOM_KEY} are kept"
    return ""


def channel_problem(name: str, known: Collection[str]) -> str:
    """Say why no alert can be sent to a channel, as a sentence; "" if it can."""
    scheme, separator, address = name.partition(":")
    if separator and scheme == MAILTO:
        return "" if "@" in address else f"{name!r} has no mail address; write {MAILTO}:somebody@example.com."
    if name in known:
        return ""
    advice = did_you_mean(name, known, otherwise=f"Known are: {', '.join(sorted(known)) or 'none'}.")
    return f"there is no channel {name!r} in [notifiers] of penstock.toml. {advice}"


def visible(text: str) -> str:
    """The text with each character escaped that is none to look at: control characters, half surrogate pairs."""
    return text if text.isprintable() else "".join(each if _is_visible(each) else ascii(each)[1:-1] for each in text)


LONGEST_MAP_KEY = 250
"""Characters of the key of a mapped instance, as in Airflow."""


def map_key_of(text: str) -> str:
    """The key of a mapped instance that a text makes: one line without what cannot be printed, cut where it is too long."""
    return texts.shortened(texts.visible(well_formed(text)), LONGEST_MAP_KEY)


def well_formed(text: str) -> str:
    """The text with U+FFFD in place of each half of a surrogate pair, so that it can be encoded."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_visible(character: str) -> bool:
    return character.isprintable() or (
        character.isspace() and character not in "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
    )


def error_text(error: BaseException) -> str:
    """What an error says; its own code may raise, and then that is said."""
    try:
        return well_formed(str(error))
    except BaseException as second:  # noqa: BLE001 - a stranger's __str__
        return f"(its text cannot be told: its __str__ raised {type(second).__name__})"


def error_sentence(error: BaseException) -> str:
    """An error's class and what it says."""
    text = error_text(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def error_reason(error: BaseException) -> str:
    """What a stranger's code raised, as the reason in a sentence: an error of Penstock says enough without its class."""
    return error_text(error) if isinstance(error, PenstockError) else error_sentence(error)


def check_conf(conf: Mapping[str, Any], what: str = "conf", largest: int = LARGEST_CONF) -> None:
    """Refuse a ``conf``, or another object of JSON, that cannot be kept, or that a task would get as another one.

    Args:
        conf: The object.
        what: What it is, for the message.
        largest: How many bytes its JSON may have.

    Raises:
        RequestError: It is too large or too deep, or a value is none that JSON gives back as it was.
    """
    level: list[Any] = [conf]
    depth = 0
    while level:
        depth += 1
        if depth > DEEPEST_CONF:
            raise RequestError(f"{what} has more than {DEEPEST_CONF} levels of lists and objects within each other.")
        level = [below for each in level for below in _children(each) if isinstance(below, dict | list | tuple)]
    if problem := _inexact(conf, what):
        raise RequestError(
            f"{problem}. It cannot be kept as JSON: write objects, lists, texts, numbers, true, false, null."
        )
    size = len(msgspec.json.encode(dict(conf)))
    if size > largest:
        raise RequestError(
            f"{what} has {size:,} bytes of JSON; at most {largest:,} are kept. Pass on where the data is."
        )


def _children(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return value.values() if isinstance(value, Mapping) else value


def _inexact(value: Any, place: str) -> str:  # noqa: ANN401 - any value
    """What JSON would not give back as it is in a part of a conf; "" for nothing."""
    parts: Iterable[tuple[Any, str]] = ()
    match value:
        case None | bool():
            return ""
        case int() | float() if type(value) in (int, float):
            within = math.isfinite(value) if isinstance(value, float) else -(2**63) <= value < 2**64
            return "" if within else f"{place} is {value!r:.60}, no number of 64 bits"
        case str() if type(value) is str:
            return "" if well_formed(value) == value else f"{place} is {value!r:.60}, which holds half a character"
        case list():
            parts = ((each, f"{place}[{number}]") for number, each in enumerate(value))
        case Mapping():
            odd = [key for key in value if type(key) is not str or well_formed(key) != key]
            if odd:
                return f"a key of {place} is {odd[0]!r:.60}, no whole text"
            parts = ((each, f"{place}.{key[:30]}") for key, each in value.items())
        case _:
            return f"{place} is a {type(value).__name__}"
    return next((found for each, name in parts if (found := _inexact(each, name))), "")
