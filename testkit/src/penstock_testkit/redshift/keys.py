"""Distribution keys, sort keys and encodings of a CREATE TABLE: dropped for PostgreSQL, but judged.

Source: "CREATE TABLE" (DISTSTYLE, DISTKEY, SORTKEY, "Usage notes"), "Compression encodings" and "Limitations" of SUPER
in the Amazon Redshift Database Developer Guide. The guide tells no words of these refusals.
"""

from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import Kind, Token

_ENCODINGS = {
    "AUTO", "RAW", "AZ64", "BYTEDICT", "DELTA", "DELTA32K", "LZO", "MOSTLY8", "MOSTLY16", "MOSTLY32", "RUNLENGTH",
    "TEXT255", "TEXT32K", "ZSTD",
}  # fmt: skip
_MOST_SORT_KEYS = 400
_CONSTRAINTS = {"CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "LIKE"}


def refuse_keys(items: list[list[Token]], attributes: list[Token]) -> None:
    """Refuse keys and encodings that the columns cannot have.

    Args:
        items: Columns and constraints, each as its tokens.
        attributes: What stands behind them.

    Raises:
        RedshiftError: They do not fit.
    """
    columns = [item for item in items if item and item[0].word not in _CONSTRAINTS]
    copied = len(columns) < len(items) and any(item[0].word == "LIKE" for item in items if item)
    words = [token.word for token in attributes]
    style = words[words.index("DISTSTYLE") + 1] if "DISTSTYLE" in words[:-1] else ""
    keys = {word: _named(attributes, words, word) for word in ("DISTKEY", "SORTKEY")}
    at_columns = {word: [item for item in columns if word in _words(item)] for word in ("DISTKEY", "SORTKEY")}
    distribution = len(keys["DISTKEY"]) + len(at_columns["DISTKEY"])
    if distribution > 1:
        raise RedshiftError("only one column can be the distribution key", "42601")
    if distribution and style not in {"", "KEY"}:
        raise RedshiftError(f"cannot specify DISTKEY column for a table with DISTSTYLE {style}", "42601")
    if style == "KEY" and not distribution:
        raise RedshiftError("must specify DISTKEY column for a table with DISTSTYLE KEY", "42601")
    if len(keys["SORTKEY"]) > (8 if "INTERLEAVED" in words else _MOST_SORT_KEYS):
        raise RedshiftError("too many sort keys", "42601")
    by_name = {item[0].name: item for item in columns}
    for name in [*keys["DISTKEY"], *keys["SORTKEY"]]:
        if name not in by_name and not copied:
            raise RedshiftError(f'column "{name}" named in key does not exist', "42703")
    for item in [
        *at_columns["DISTKEY"],
        *at_columns["SORTKEY"],
        *(by_name[each] for each in keys["SORTKEY"] if each in by_name),
    ]:
        if "SUPER" in _words(item)[:1]:
            raise RedshiftError(f'column "{item[0].name}" of type super cannot be a distribution or sort key', "0A000")
    for item in columns:
        _refuse_encoding(item)


def _words(item: list[Token]) -> list[str]:
    return [token.word for token in item[1:]]


def _named(attributes: list[Token], words: list[str], key: str) -> list[str]:
    """Columns in the parentheses behind a word."""
    if key not in words or words[words.index(key) + 1 : words.index(key) + 2] != ["("]:
        return []
    inside = attributes[words.index(key) + 2 :]
    end = next((at for at, token in enumerate(inside) if token.word == ")"), len(inside))
    return [token.name for token in inside[:end] if token.kind in {Kind.WORD, Kind.QUOTED}]


def _refuse_encoding(item: list[Token]) -> None:
    words = _words(item)
    if "ENCODE" in words[:-1] and (encoding := words[words.index("ENCODE") + 1]) not in _ENCODINGS:
        raise RedshiftError(f'invalid encoding type "{encoding.lower()}" for column "{item[0].name}"', "42601")
