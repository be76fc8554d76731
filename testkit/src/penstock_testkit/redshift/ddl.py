"""CREATE TABLE and ALTER TABLE of Redshift, rewritten for PostgreSQL.

Source: the pages "CREATE TABLE", "ALTER TABLE", "Data types" and "Unsupported PostgreSQL data types" of the Amazon
Redshift Database Developer Guide. Distribution, sort keys and encodings are dropped. Keys are dropped too, because
Redshift does not enforce them; a primary key's columns stay NOT NULL.
"""

from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import Edits, Kind, Statement, Token

_UNSUPPORTED_TYPES = {
    "UUID", "JSON", "JSONB", "XML", "BYTEA", "MONEY", "SERIAL", "BIGSERIAL", "SMALLSERIAL", "INET", "CIDR", "MACADDR",
    "BIT", "TSVECTOR", "TSQUERY", "POINT", "BOX", "CIRCLE", "LINE", "PATH", "POLYGON", "LSEG", "OID", "HSTORE",
}  # fmt: skip
_NOT_COVERED_TYPES = {"GEOMETRY", "GEOGRAPHY", "HLLSKETCH"}
_VARYING = {"VARCHAR", "NVARCHAR", "TEXT", "BPCHAR"}
_COLUMN_WORDS = {
    "ENCODE", "DISTKEY", "SORTKEY", "NOT", "NULL", "UNIQUE", "PRIMARY", "REFERENCES", "IDENTITY", "COLLATE", "CHECK",
    "GENERATED", "DEFAULT", "CONSTRAINT",
}  # fmt: skip
_TABLE_WORDS = {"CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK"}
_VARCHAR_BYTES = 65535
_CHAR_BYTES = 4096


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
    index = _after_name(statement, name)
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
        edits.replace(tokens[body[0]], tokens[body[1]], f"({_columns(statement.text, tokens[name].name, items)})")


def rewrite_alter_table(statement: Statement, edits: Edits) -> None:
    """Add the edits that make an ALTER TABLE one of PostgreSQL; other statements get none.

    Raises:
        RedshiftError: A form that Redshift refuses.
    """
    if not statement.starts_with("ALTER", "TABLE"):
        return
    tokens = statement.tokens
    index = _after_name(statement, 2)
    if index >= len(tokens):
        return
    table, action, rest = tokens[index - 1].name, tokens[index].word, tokens[index + 1 :]
    comma = next((token for token in _top_level(rest) if token.word == ","), None)
    if comma:
        raise RedshiftError('syntax error at or near ","', "42601")
    harmless = "SET (fillfactor = 100)"
    column_follows = bool(rest) and rest[0].word == "COLUMN"
    definition = rest[1:] if column_follows else rest
    if action == "ADD" and definition and definition[0].word in _TABLE_WORDS:
        edits.replace(tokens[index], tokens[-1], harmless)
    elif action == "ADD" and definition:
        if definition[0].word == "IF":
            raise RedshiftError('syntax error at or near "not"', "42601")
        edits.replace(definition[0], tokens[-1], _column(statement.text, table, definition)[0])
    elif action == "ALTER" and definition:
        words = {token.word for token in definition}
        if not column_follows or "ENCODE" in words:
            edits.replace(tokens[index], tokens[-1], harmless)
        elif "TYPE" in words:
            _check_widening(table, definition)


def changes_column_type(statement: Statement) -> bool:
    """Tell whether this is ALTER TABLE ... ALTER COLUMN ... TYPE, which Redshift takes only outside a transaction."""
    return (
        statement.starts_with("ALTER", "TABLE")
        and statement.find("ALTER", "COLUMN") > 0
        and (statement.find("TYPE") > 0)
    )


def _table_name_at(statement: Statement) -> int:
    index = 1
    while any(statement.has_at(index, word) for word in ("LOCAL", "TEMP", "TEMPORARY")):
        index += 1
    if not (statement.starts_with("CREATE") and statement.has_at(index, "TABLE")):
        return -1
    return index + 4 if statement.has_at(index + 1, "IF", "NOT", "EXISTS") else index + 1


def _after_name(statement: Statement, index: int) -> int:
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


def _top_level(tokens: list[Token]) -> list[Token]:
    depth, found = 0, []
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.word, 0)
        if depth == 0:
            found.append(token)
    return found


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


def _columns(text: str, table: str, items: list[list[Token]]) -> str:
    columns: list[tuple[str, str]] = []
    required: set[str] = set()
    for item in items:
        if not item:
            raise RedshiftError('syntax error at or near ","', "42601")
        words = [token.word for token in item]
        if words[0] == "LIKE":
            columns.append(("", text[item[0].start : item[-1].end]))
        elif words[0] in _TABLE_WORDS:
            if "CHECK" in words:
                raise _unsupported_check()
            if "PRIMARY" in words:
                required |= {token.name for token in item[words.index("(") :] if token.word not in {"(", ")", ","}}
        else:
            definition, name = _column(text, table, item)
            columns.append((name, definition))
    return ", ".join(
        definition + (" NOT NULL" if name in required and "NOT NULL" not in definition else "")
        for name, definition in columns
    )


def _column(text: str, table: str, tokens: list[Token]) -> tuple[str, str]:
    if len(tokens) < 2 or tokens[0].kind not in {Kind.WORD, Kind.QUOTED}:
        raise RedshiftError(f'syntax error at or near "{tokens[0].text}"', "42601")
    name = tokens[0].name
    end = next((i for i in range(1, len(tokens)) if tokens[i].word in _COLUMN_WORDS), len(tokens))
    parts = [f'"{name}"', _type(text, f"{table}.{name}", tokens[1:end])]
    index = end
    while index < len(tokens):
        index, part = _attribute(text, tokens, index)
        if part and part not in parts:
            parts.append(part)
    return " ".join(parts), name


def _attribute(text: str, tokens: list[Token], index: int) -> tuple[int, str]:
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
    return _attribute_with_arguments(text, tokens, index)


def _attribute_with_arguments(text: str, tokens: list[Token], index: int) -> tuple[int, str]:
    word = tokens[index].word
    if word == "DEFAULT" and index + 1 < len(tokens):
        end = index + 2
        while end < len(tokens) and not (tokens[end].word in _COLUMN_WORDS and _balanced(tokens[index + 1 : end])):
            end += 1
        return end, f"DEFAULT {text[tokens[index + 1].start : tokens[end - 1].end]}"
    if word == "GENERATED":
        index = next((i for i in range(index, len(tokens)) if tokens[i].word == "IDENTITY"), index)
        word = tokens[index].word
    if word == "IDENTITY":
        seed, step = _identity(tokens, index)
        return _group_end(tokens, index + 1), f"GENERATED BY DEFAULT AS IDENTITY (START {seed} INCREMENT {step})"
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


def _type(text: str, label: str, tokens: list[Token]) -> str:
    if not tokens:
        raise RedshiftError(f'syntax error: column "{label}" has no type', "42601")
    written = text[tokens[0].start : tokens[-1].end]
    word = tokens[0].word
    if word in _NOT_COVERED_TYPES:
        raise RedshiftError(f"type {written} is not covered by this test server", "0A000")
    if word in _UNSUPPORTED_TYPES or any(token.word in {"[", "ARRAY"} for token in tokens):
        raise RedshiftError(f'Column "{label}" has unsupported type "{written.lower()}".', "0A000")
    length = next((token.text for token in tokens if token.kind is Kind.NUMBER or token.word == "MAX"), None)
    varying = word in _VARYING or any(token.word == "VARYING" for token in tokens)
    if varying and word not in {"VARBINARY", "BINARY"}:
        return f"varchar({_length('varchar', length, 256, _VARCHAR_BYTES)})"
    if word in {"CHAR", "CHARACTER", "NCHAR"}:
        return f"char({_length('char', length, 1, _CHAR_BYTES)})"
    if word in {"DECIMAL", "NUMERIC"} and length is None:
        return "numeric(18, 0)"
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


def _check_widening(table: str, definition: list[Token]) -> None:
    words = [token.word for token in definition]
    new = definition[words.index("TYPE") + 1 :]
    varying = bool(new) and (new[0].word in _VARYING or any(token.word == "VARYING" for token in new))
    if not varying:
        kind = new[0].text if new else ""
        message = (
            f'target data type "{kind}" is not supported: only the size of a VARCHAR column of "{table}" can change'
        )
        raise RedshiftError(message, "0A000")


def _unsupported_check() -> RedshiftError:
    return RedshiftError("CHECK constraints are not supported", "0A000")
