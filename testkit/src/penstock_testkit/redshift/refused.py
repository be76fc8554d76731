"""Syntax, types and functions that Redshift refuses wherever they stand.

Source: "Unsupported PostgreSQL features", "Unsupported PostgreSQL functions", "Unsupported PostgreSQL data types",
"TRUNCATE", "LOCK", "VACUUM", "MERGE" and "Window function syntax summary" of the Amazon Redshift Database Developer
Guide; what PostgreSQL got after 8.0 does not exist (`E'...'`, LATERAL, `string_agg`).
"""

from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import Kind, Statement, Token
from penstock_testkit.redshift.reserved import refuse_reserved_words

UNSUPPORTED_TYPES = {
    "UUID", "JSON", "JSONB", "XML", "BYTEA", "MONEY", "SERIAL", "BIGSERIAL", "SMALLSERIAL", "INET", "CIDR", "MACADDR",
    "BIT", "TSVECTOR", "TSQUERY", "POINT", "BOX", "CIRCLE", "LINE", "PATH", "POLYGON", "LSEG", "HSTORE", "INT4RANGE",
    "INT8RANGE", "NUMRANGE", "TSRANGE", "TSTZRANGE", "DATERANGE",
}  # fmt: skip
# Types that PostgreSQL 8.0 did not know; `e` is what is left of `E'...'`.
_UNKNOWN_TYPES = {
    "UUID", "JSON", "JSONB", "XML", "HSTORE", "TSVECTOR", "TSQUERY", "E", "INT4RANGE", "INT8RANGE", "NUMRANGE",
    "TSRANGE", "TSTZRANGE", "DATERANGE",
}  # fmt: skip

# Statements that start so, with what Redshift says.
_STARTS: list[tuple[tuple[str, ...], str, str]] = [
    (("CREATE", "INDEX"), "0A000", 'SQL command "CREATE INDEX" not supported on Redshift tables.'),
    (("CREATE", "UNIQUE", "INDEX"), "0A000", 'SQL command "CREATE UNIQUE INDEX" not supported on Redshift tables.'),
    (("CREATE", "SEQUENCE"), "0A000", 'SQL command "CREATE SEQUENCE" not supported.'),
    (("CREATE", "TRIGGER"), "0A000", 'SQL command "CREATE TRIGGER" not supported.'),
    (("CREATE", "TYPE"), "0A000", 'SQL command "CREATE TYPE" not supported.'),
    (("CREATE", "DOMAIN"), "0A000", 'SQL command "CREATE DOMAIN" not supported.'),
    (("CREATE", "RULE"), "0A000", 'SQL command "CREATE RULE" not supported.'),
    (("CREATE", "EXTENSION"), "42601", 'syntax error at or near "extension"'),
    (("CREATE", "UNLOGGED"), "42601", 'syntax error at or near "unlogged"'),
    (("CREATE", "EXTERNAL"), "0A000", "external schemas and tables are not covered by this test server"),
    (("SAVEPOINT",), "0A000", 'SQL command "SAVEPOINT" not supported.'),
    (("RELEASE",), "0A000", 'SQL command "RELEASE" not supported.'),
    (("ROLLBACK", "TO"), "0A000", 'SQL command "ROLLBACK TO SAVEPOINT" not supported.'),
    (("DEALLOCATE", "ALL"), "42601", 'syntax error at or near "ALL"'),
    (("DISCARD",), "42601", 'syntax error at or near "DISCARD"'),
    (("LISTEN",), "0A000", 'SQL command "LISTEN" not supported.'),
    (("NOTIFY",), "0A000", 'SQL command "NOTIFY" not supported.'),
    (("REINDEX",), "0A000", 'SQL command "REINDEX" not supported.'),
    (("CLUSTER",), "0A000", 'SQL command "CLUSTER" not supported.'),
    (("MOVE",), "0A000", 'SQL command "MOVE" not supported.'),
    (("DO",), "42601", 'syntax error at or near "DO"'),
    (("VALUES",), "42601", 'syntax error at or near "VALUES"'),
    (("VACUUM", "("), "42601", 'syntax error at or near "("'),
    (("ANALYZE", "("), "42601", 'syntax error at or near "("'),
    (("EXPLAIN", "ANALYZE"), "42601", 'syntax error at or near "ANALYZE"'),
    (("EXPLAIN", "("), "42601", 'syntax error at or near "("'),
    (("TABLE",), "42601", 'syntax error at or near "TABLE"'),
    (("CREATE", "AGGREGATE"), "0A000", 'SQL command "CREATE AGGREGATE" not supported.'),
    (("CREATE", "OPERATOR"), "0A000", 'SQL command "CREATE OPERATOR" not supported.'),
    (("CREATE", "CAST"), "0A000", 'SQL command "CREATE CAST" not supported.'),
    (("CREATE", "TEMP", "VIEW"), "42601", 'syntax error at or near "VIEW"'),
    (("CREATE", "TEMPORARY", "VIEW"), "42601", 'syntax error at or near "VIEW"'),
    (("CREATE", "RECURSIVE"), "42601", 'syntax error at or near "RECURSIVE"'),
    (("ANALYZE", "COMPRESSION"), "0A000", "ANALYZE COMPRESSION is not covered by this test server"),
]
# Words in a row anywhere in a statement.
_ANYWHERE: list[tuple[tuple[str, ...], str, str]] = [
    (("ON", "CONFLICT"), "42601", 'syntax error at or near "ON"'),
    (("RETURNING",), "42601", 'syntax error at or near "RETURNING"'),
    (("DISTINCT", "ON"), "0A000", "SELECT DISTINCT ON is not supported"),
    (("IS", "DISTINCT", "FROM"), "42601", 'syntax error at or near "DISTINCT"'),
    (("IS", "NOT", "DISTINCT", "FROM"), "42601", 'syntax error at or near "DISTINCT"'),
    (("FOR", "UPDATE"), "0A000", "SELECT FOR UPDATE/SHARE is not supported"),
    (("FOR", "SHARE"), "0A000", "SELECT FOR UPDATE/SHARE is not supported"),
    (("ON", "COMMIT"), "42601", 'syntax error at or near "ON"'),
    (("(", "VALUES"), "0A000", "VALUES lists are only supported in INSERT"),
    (("FILTER", "(", "WHERE"), "42601", 'syntax error at or near "("'),
    (("LATERAL",), "42601", 'syntax error at or near "LATERAL"'),
    (("TABLESAMPLE",), "42601", 'syntax error at or near "TABLESAMPLE"'),
    (("ARRAY", "["), "0A000", "array constructors are not supported; ARRAY(...) makes a SUPER"),
    (("[", "]"), "0A000", "array types are not supported"),
    (("WITH", "ORDINALITY"), "42601", 'syntax error at or near "ORDINALITY"'),
    (("MATERIALIZED", "VIEW", "IF"), "42601", 'syntax error at or near "IF"'),
    (("AS", "MATERIALIZED"), "42601", 'syntax error at or near "MATERIALIZED"'),
    (("AS", "NOT", "MATERIALIZED"), "42601", 'syntax error at or near "NOT"'),
    (("WITH", "NO", "DATA"), "42601", 'syntax error at or near "DATA"'),
    (("WITH", "CHECK", "OPTION"), "42601", 'syntax error at or near "CHECK"'),
    (("OVERRIDING",), "42601", 'syntax error at or near "OVERRIDING"'),
    *((("AS", "(", word), "42601", f'syntax error at or near "{word}"') for word in ("INSERT", "UPDATE", "DELETE")),
    (("REFRESH", "MATERIALIZED", "VIEW", "CONCURRENTLY"), "42601", 'syntax error at or near "CONCURRENTLY"'),
]
_FUNCTIONS = {
    "CONCAT_WS", "STARTS_WITH", "DATE_BIN", "NORMALIZE", "MODE",
    "STRING_AGG", "ARRAY_AGG", "EVERY", "XML_AGG", "XMLAGG", "CORR", "COVAR_POP", "COVAR_SAMP", "CLOCK_TIMESTAMP",
    "STATEMENT_TIMESTAMP", "TRANSACTION_TIMESTAMP", "JUSTIFY_DAYS", "JUSTIFY_HOURS", "JUSTIFY_INTERVAL", "DIV",
    "SETSEED", "WIDTH_BUCKET", "UNNEST", "GENERATE_SUBSCRIPTS", "BIT_LENGTH", "OVERLAY", "CONVERT_FROM", "CONVERT_TO",
    "ENCODE", "DECODE_BYTEA", "FORMAT", "QUOTE_NULLABLE", "REGEXP_MATCHES", "REGEXP_MATCH", "REGEXP_SPLIT_TO_ARRAY",
    "REGEXP_SPLIT_TO_TABLE", "CURRENT_QUERY", "NEXTVAL", "CURRVAL", "SETVAL", "LASTVAL", "ROW_TO_JSON", "TO_JSON",
    "JSON_AGG", "JSON_OBJECT_AGG", "JSON_BUILD_OBJECT", "JSON_BUILD_ARRAY", "JSON_EACH", "JSON_EACH_TEXT",
    "JSON_ARRAY_ELEMENTS", "JSON_ARRAY_ELEMENTS_TEXT", "JSON_POPULATE_RECORD", "TO_REGCLASS", "TO_TSVECTOR",
    "TO_TSQUERY", "MAKE_DATE", "MAKE_TIME", "MAKE_TIMESTAMP", "MAKE_INTERVAL", "GEN_RANDOM_UUID", "UUID_GENERATE_V4",
    "NUM_NULLS", "NUM_NONNULLS", "STRING_TO_ARRAY", "ARRAY_APPEND", "ARRAY_CAT", "ARRAY_LENGTH", "CARDINALITY",
    "PG_CONF_LOAD_TIME", "PG_IS_OTHER_TEMP_SCHEMA", "PG_LISTENING_CHANNELS", "PG_MY_TEMP_SCHEMA", "PG_RELATION_SIZE",
    "PG_POSTMASTER_START_TIME", "PG_TRIGGER_DEPTH", "PG_TABLE_SIZE", "PG_TOTAL_RELATION_SIZE", "PG_DATABASE_SIZE",
}  # fmt: skip
_FUNCTION_FAMILIES = (
    "PG_SLEEP", "PG_ADVISORY_", "PG_TRY_ADVISORY_", "TXID_", "PG_CURRENT_XACT", "PG_SNAPSHOT", "REGR_", "JSONB_",
    "XML", "INET_", "PG_IS_IN_", "PG_NOTIFY",
)  # fmt: skip
_STATEMENT_BYTES = 16 * 1024 * 1024
_NAME_BYTES = 63


def refuse_too_large(sql: str) -> None:
    """Refuse a text of more than 16 MB. Source: "Amazon Redshift SQL", the maximum size for a single SQL statement.

    Raises:
        RedshiftError: It is larger.
    """
    size = len(sql.encode())
    if size > _STATEMENT_BYTES:
        text = f"Statement is too large. Statement Size: {size} bytes. Maximum Allowed: {_STATEMENT_BYTES} bytes"
        raise RedshiftError(text, "54000")


def refuse_syntax(statement: Statement) -> None:
    """Refuse a statement for its words.

    Raises:
        RedshiftError: What Redshift would say.
    """
    for words, sqlstate, message in _STARTS:
        if statement.starts_with(*words):
            raise RedshiftError(message, sqlstate)
    for words, sqlstate, message in _ANYWHERE:
        if statement.find(*words) >= 0:
            raise RedshiftError(message, sqlstate)
    for index, token in enumerate(statement.tokens):
        _refuse_token(statement, index, token)
    refuse_reserved_words(statement)
    if statement.starts_with("WITH"):
        _refuse_with(statement)
    elif statement.starts_with("TRUNCATE"):
        _refuse_tail(statement, _after_name(statement, 2 if statement.has_at(1, "TABLE") else 1))
    elif statement.starts_with("LOCK"):
        _refuse_lock(statement)


def _refuse_token(statement: Statement, index: int, token: Token) -> None:
    following = statement.tokens[index + 1 : index + 2]
    called = statement.has_at(index + 1, "(") and not statement.has_at(index - 1, ".")
    if called and (token.word in _FUNCTIONS or token.word.startswith(_FUNCTION_FAMILIES)):
        raise RedshiftError(f"function {token.name}() does not exist", "42883")
    if called and token.word == "CONCAT" and len(_arguments(statement, index + 1)) != 2:
        raise RedshiftError("function concat() with more or fewer than two arguments does not exist", "42883")
    if token.word in {"B", "X"} and following and following[0].kind is Kind.STRING and following[0].start == token.end:
        raise RedshiftError('type "bit" is not supported', "0A000")
    named = token.word == "::" or (token.word == "AS" and _in_cast(statement, index))
    if named and following:
        refuse_type(following[0])
    if following and following[0].kind is Kind.STRING and token.kind is Kind.WORD and not following[0].is_dollar_quoted:
        refuse_type(token)
    adjacent = following and following[0].start == token.end
    if token.word == "-" and adjacent and following[0].word == ">":
        raise RedshiftError("operator does not exist: super ->", "42883")
    if token.kind in {Kind.WORD, Kind.QUOTED} and len(token.name.encode()) > _NAME_BYTES:
        # Redshift takes 127 bytes; PostgreSQL would cut the name without a word.
        raise RedshiftError(
            f"identifiers of more than {_NAME_BYTES} bytes are not covered by this test server", "0A000"
        )


def _arguments(statement: Statement, index: int) -> list[int]:
    """Where the arguments begin in the parenthesis at `index`."""
    depth, found = 0, [index + 1] if not statement.has_at(index + 1, ")") else []
    for at in range(index + 1, statement.closing(index)):
        depth += {"(": 1, ")": -1}.get(statement.tokens[at].word, 0)
        if depth == 0 and statement.tokens[at].word == ",":
            found.append(at + 1)
    return found


def _refuse_with(statement: Statement) -> None:
    """Refuse WITH before INSERT, where it belongs to the query, and a recursion without names of columns.

    Source: "WITH clause" (usage notes, recursive form).
    """
    if any(token.word == "INSERT" for token in top_level(statement.tokens)):
        raise RedshiftError('syntax error at or near "INSERT"', "42601")
    if statement.has_at(1, "RECURSIVE") and statement.has_at(3, "AS", "("):
        body = statement.tokens[4 : statement.closing(4)]
        if any(token.name == statement.tokens[2].name for token in body):
            raise RedshiftError("a recursive common table expression needs a list of its columns", "42601")


def top_level(tokens: list[Token]) -> list[Token]:
    """Return the tokens outside of parentheses."""
    depth, found = 0, []
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.word, 0)
        if depth == 0:
            found.append(token)
    return found


def refuse_type(token: Token) -> None:
    """Refuse a type's name.

    Raises:
        RedshiftError: Redshift does not know it, or has no columns and casts of it.
    """
    if token.word in _UNKNOWN_TYPES:
        raise RedshiftError(f'type "{token.name}" does not exist', "42704")
    if token.word in UNSUPPORTED_TYPES:
        raise RedshiftError(f'type "{token.name}" is not supported', "0A000")


def _in_cast(statement: Statement, index: int) -> bool:
    depth = 0
    for at in range(index - 1, 0, -1):
        depth += {")": 1, "(": -1}.get(statement.tokens[at].word, 0)
        if depth < 0:
            return statement.has_at(at - 1, "CAST")
    return False


def _after_name(statement: Statement, index: int) -> int:
    index += 1
    while statement.has_at(index, "."):
        index += 2
    return index


def _refuse_tail(statement: Statement, index: int) -> None:
    if index < len(statement.tokens):
        raise RedshiftError(f'syntax error at or near "{statement.tokens[index].text}"', "42601")


def _refuse_lock(statement: Statement) -> None:
    index = _after_name(statement, 2 if statement.has_at(1, "TABLE") else 1)
    while statement.has_at(index, ","):
        index = _after_name(statement, index + 1)
    _refuse_tail(statement, index)
