"""CREATE TABLE of Redshift, rewritten for PostgreSQL: its columns, types and attributes.

Source: the pages "CREATE TABLE", "CREATE TABLE AS", "Data types" and "Unsupported PostgreSQL data types" of the Amazon
Redshift Database Developer Guide. Distribution, sort keys and encodings are dropped. Keys are dropped too, because
Redshift does not enforce them; a primary key's columns stay NOT NULL.
"""

from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.keys import refuse_keys
from penstock_testkit.redshift.lexer import Edits, Kind, Statement, Token
from penstock_testkit.redshift.refused import UNSUPPORTED_TYPES
from penstock_testkit.redshift.reserved import refuse_reserved

_NO_COLUMN_TYPES = UNSUPPORTED_TYPES | {"OID", "INTERVAL", "NAME", "REGCLASS"}
_NOT_COVERED_TYPES = {"GEOMETRY", "GEOGRAPHY", "HLLSKETCH"}
_VARYING = {"VARCHAR", "NVARCHAR", "TEXT", "BPCHAR"}
_COLUMN_WORDS = {
    "ENCODE", "DISTKEY", "SORTKEY", "NOT", "NULL", "UNIQUE", "PRIMARY", "REFERENCES", "IDENTITY", "COLLATE", "CHECK",
    "GENERATED", "DEFAULT", "CONSTRAINT",
}  # fmt: skip
TABLE_WORDS = {"CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK"}
"""What a table's constraint begins with."""
_SYSTEM_COLUMNS = {"oid", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "deletexid", "insertxid"}
_VARCHAR_BYTES = 65535
_CHAR_BYTES = 4096
_DECIMAL_DIGITS = 38


def rewrite_create_table(statement: Statement, edits: Edits) -> None:
    """Add the edits that make a CREATE TABLE one of PostgreSQL; other statements get none.

    Raises:
        RedshiftError: A type, a constraint or an attribute that Redshift refuses.
    """
    name = _table_name_at(statement)
    if name < 0:
        return
    tokens = statement.tokens
    if tokens[name].text.startswith("#") and not statement.has_at(1, "TEMP"):
        edits.insert(tokens[0].end, " TEMP")
    index = after_name(statement, name)
    refuse_reserved(tokens[index - 1])
    body = None
    if index < len(tokens) and tokens[index].word == "(":
        body = (index, statement.closing(index))
        index = body[1] + 1
    end = _attributes_end(statement, index)
    if end > index:
        edits.replace(tokens[index], tokens[end - 1], "")
    is_query = end < len(tokens)
    if body and not is_query:
        items = _items(tokens[body[0] + 1 : body[1]])
        refuse_keys(items, tokens[body[1] + 1 : end])
        edits.replace(tokens[body[0]], tokens[body[1]], f"({_columns(edits, created_table(statement), items)})")
    if is_query and statement.find("IF", "NOT", "EXISTS") > 0:
        raise RedshiftError('syntax error at or near "AS"', "42601")


def created_table(statement: Statement) -> str:
    """Return the name of the table that a CREATE TABLE creates, without its schema; "" for other statements."""
    name = _table_name_at(statement)
    return statement.tokens[after_name(statement, name) - 1].name if name >= 0 else ""


def table_items(statement: Statement) -> list[list[Token]]:
    """Return the columns and constraints of a CREATE TABLE, each as its tokens."""
    name = _table_name_at(statement)
    index = after_name(statement, name) if name >= 0 else len(statement.tokens)
    if not statement.has_at(index, "("):
        return []
    return [item for item in _items(statement.tokens[index + 1 : statement.closing(index)]) if item]


def _table_name_at(statement: Statement) -> int:
    index = 1
    while any(statement.has_at(index, word) for word in ("LOCAL", "TEMP", "TEMPORARY")):
        index += 1
    if not (statement.starts_with("CREATE") and statement.has_at(index, "TABLE")):
        return -1
    return index + 4 if statement.has_at(index + 1, "IF", "NOT", "EXISTS") else index + 1


def after_name(statement: Statement, index: int) -> int:
    """Return the index after a qualified name that begins at `index`."""
    index += 1
    while statement.has_at(index, "."):
        index += 2
    return index


def _attributes_end(statement: Statement, index: int) -> int:
    tokens = statement.tokens
    while index < len(tokens) and tokens[index].word != "AS":
        word = tokens[index].word
        if word in {"DISTSTYLE", "BACKUP", "ENCODE"}:
            index += 2
        elif word in {"COMPOUND", "INTERLEAVED"}:
            index += 1
        elif word in {"DISTKEY", "SORTKEY"}:
            index += 1
            if statement.has_at(index, "AUTO"):
                index += 1
            elif statement.has_at(index, "("):
                index = statement.closing(index) + 1
        else:
            raise RedshiftError(f'syntax error at or near "{tokens[index].text}"', "42601")
    return min(index, len(tokens))


def _items(tokens: list[Token]) -> list[list[Token]]:
    items: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.word, 0)
        if depth == 0 and token.word == ",":
            items.append([])
        else:
            items[-1].append(token)
    return items


def _columns(edits: Edits, table: str, items: list[list[Token]]) -> str:
    columns: list[tuple[str, str]] = []
    required: set[str] = set()
    for item in items:
        if not item:
            raise RedshiftError('syntax error at or near ","', "42601")
        words = [token.word for token in item]
        if words[0] == "LIKE":
            if words[-2:] not in (["INCLUDING", "DEFAULTS"], ["EXCLUDING", "DEFAULTS"]) and {
                "INCLUDING",
                "EXCLUDING",
            } & {*words}:
                raise RedshiftError(f'syntax error at or near "{item[-1].text}"', "42601")
            columns.append(("", edits.within(item[0], item[-1])))
        elif words[0] in TABLE_WORDS:
            if "CHECK" in words:
                raise _unsupported_check()
            if "PRIMARY" in words:
                required |= {token.name for token in item[words.index("(") :] if token.word not in {"(", ")", ","}}
        else:
            definition, name = column_definition(edits, table, item)
            columns.append((name, definition))
    return ", ".join(
        definition + (" NOT NULL" if name in required and "NOT NULL" not in definition else "")
        for name, definition in columns
    )


def column_definition(edits: Edits, table: str, tokens: list[Token]) -> tuple[str, str]:
    """Return PostgreSQL's definition of a column, and the column's name.

    Raises:
        RedshiftError: A name, a type or an attribute that Redshift refuses.
    """
    if len(tokens) < 2 or tokens[0].kind not in {Kind.WORD, Kind.QUOTED}:
        raise RedshiftError(f'syntax error at or near "{tokens[0].text}"', "42601")
    name = tokens[0].name
    if name in _SYSTEM_COLUMNS:
        raise RedshiftError(f'column name "{name}" conflicts with a system column name', "42701")
    refuse_reserved(tokens[0])
    end = next((i for i in range(1, len(tokens)) if tokens[i].word in _COLUMN_WORDS), len(tokens))
    written = edits.within(tokens[1], tokens[end - 1]) if end > 1 else ""
    parts = ['"' + name.replace('"', '""') + '"', _type(written, f"{table}.{name}", tokens[1:end])]
    index = end
    while index < len(tokens):
        index, part = _attribute(edits, tokens, index)
        if part and part not in parts:
            parts.append(part)
    return " ".join(parts), name


def _attribute(edits: Edits, tokens: list[Token], index: int) -> tuple[int, str]:
    """Return where the column attribute at `index` ends, and what PostgreSQL needs of it."""
    word = tokens[index].word
    following = [token.word for token in tokens[index + 1 :]]
    if word in {"NOT", "PRIMARY"} and following[:1] in (["NULL"], ["KEY"]):
        return index + 2, "NOT NULL"
    if word in {"ENCODE", "COLLATE"} and following:
        return index + 2, ""
    if word in {"DISTKEY", "SORTKEY", "NULL", "UNIQUE"}:
        return index + 1, ""
    if word == "CHECK":
        raise _unsupported_check()
    return _attribute_with_arguments(edits, tokens, index)


def _attribute_with_arguments(edits: Edits, tokens: list[Token], index: int) -> tuple[int, str]:
    word = tokens[index].word
    if word == "DEFAULT" and index + 1 < len(tokens):
        end = index + 2
        while end < len(tokens) and not (tokens[end].word in _COLUMN_WORDS and _balanced(tokens[index + 1 : end])):
            end += 1
        return end, f"DEFAULT {edits.within(tokens[index + 1], tokens[end - 1])}"
    generated = "ALWAYS"
    if word == "GENERATED":
        generated = "BY DEFAULT"
        index = next((i for i in range(index, len(tokens)) if tokens[i].word == "IDENTITY"), index)
        word = tokens[index].word
    if word == "IDENTITY":
        seed, step = _identity(tokens, index)
        return _group_end(tokens, index + 1), f"GENERATED {generated} AS IDENTITY (START {seed} INCREMENT {step})"
    if word == "REFERENCES":
        end = index + 2
        while end < len(tokens) and tokens[end].word == ".":
            end += 2
        return _group_end(tokens, end), ""
    raise RedshiftError(f'syntax error at or near "{tokens[index].text}"', "42601")


def _identity(tokens: list[Token], index: int) -> tuple[str, str]:
    inside = "".join(token.text for token in tokens[index + 1 : _group_end(tokens, index + 1)])
    seed, comma, step = inside.strip("()").partition(",")
    if not comma:
        raise RedshiftError('syntax error at or near "identity": IDENTITY needs a seed and a step', "42601")
    return seed, step


def _group_end(tokens: list[Token], index: int) -> int:
    if index >= len(tokens) or tokens[index].word != "(":
        return index
    end = index + 1
    while end < len(tokens) and not _balanced(tokens[index:end]):
        end += 1
    return end


def _balanced(tokens: list[Token]) -> bool:
    return sum({"(": 1, ")": -1}.get(token.word, 0) for token in tokens) == 0


def _type(written: str, label: str, tokens: list[Token]) -> str:
    if not tokens:
        raise RedshiftError(f'syntax error: column "{label}" has no type', "42601")
    word = tokens[0].word
    if word in _NOT_COVERED_TYPES:
        raise RedshiftError(f"type {written} is not covered by this test server", "0A000")
    if word in _NO_COLUMN_TYPES or any(token.word in {"[", "ARRAY"} for token in tokens):
        raise RedshiftError(f'Column "{label}" has unsupported type "{written.lower()}".', "0A000")
    length = next((token.text for token in tokens if token.kind is Kind.NUMBER or token.word == "MAX"), None)
    if is_varying(tokens):
        return f"varchar({_length('varchar', length, 256, _VARCHAR_BYTES)})"
    if word in {"CHAR", "CHARACTER", "NCHAR"}:
        return f"char({_length('char', length, 1, _CHAR_BYTES)})"
    if word in {"DECIMAL", "NUMERIC"}:
        return _decimal(written, tokens)
    if word == "SUPER":
        return "jsonb"
    if word in {"VARBYTE", "VARBINARY", "BINARY"}:
        return "bytea"
    return written


def _length(kind: str, written: str | None, default: int, maximum: int) -> int:
    if written is None:
        return default
    length = maximum if written.upper() == "MAX" else int(written)
    if length > maximum:
        raise RedshiftError(f"length for type {kind} cannot exceed {maximum}", "22023")
    return length


def is_varying(tokens: list[Token]) -> bool:
    """Tell whether a type is VARCHAR, by any of its names."""
    word = tokens[0].word if tokens else ""
    return word in _VARYING or (word != "BINARY" and any(token.word == "VARYING" for token in tokens))


def _decimal(written: str, tokens: list[Token]) -> str:
    numbers = [int(token.text) for token in tokens if token.kind is Kind.NUMBER]
    if not numbers:
        return "numeric(18, 0)"
    if not 1 <= numbers[0] <= _DECIMAL_DIGITS:
        raise RedshiftError(f"DECIMAL precision {numbers[0]} must be between 1 and {_DECIMAL_DIGITS}", "22023")
    if numbers[1:] and numbers[1] > min(numbers[0], _DECIMAL_DIGITS - 1):
        raise RedshiftError(f"DECIMAL scale {numbers[1]} must be between 0 and precision {numbers[0]}", "22023")
    return written


def _unsupported_check() -> RedshiftError:
    return RedshiftError("CHECK constraints are not supported", "0A000")
