"""What Redshift's SQL says, said to PostgreSQL; and what Redshift refuses, refused.

Source: "Amazon Redshift and PostgreSQL" (features implemented differently, unsupported features, data types and
functions) and the function pages of the Amazon Redshift Database Developer Guide. A statement that holds nothing of
Redshift's own goes to PostgreSQL as it is, save that quoted identifiers fold to lower case. Functions with the same
name and order of arguments are defined in the database (see `catalog`); those with a syntax of their own go through
sqlglot. Not covered: SUPER navigation, MERGE REMOVE DUPLICATES, late binding of views, external schemas, PIVOT,
identifiers between 64 and 127 bytes.
"""

import itertools
import logging
import re

from penstock_testkit.redshift.ddl import rewrite_alter_table, rewrite_create_table
from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import Edits, Kind, Statement

# Settings that PostgreSQL does not know, and what SHOW says before a SET.
SETTINGS = {
    "analyze_threshold_percent": "10",
    "cast_super_null_on_error": "on",
    "datashare_break_glass_session_var": "",
    "describe_field_name_in_uppercase": "off",
    "downcase_delimited_identifier": "on",
    "enable_case_sensitive_identifier": "off",
    "enable_result_cache_for_session": "on",
    "enable_numeric_rounding": "on",
    "error_on_nondeterministic_update": "off",
    "json_serialization_enable": "off",
    "json_serialization_parse_nested_strings": "off",
    "max_concurrency_scaling_clusters": "1",
    "max_cursor_result_set_size": "0",
    "mv_enable_aqmv_for_session": "on",
    "navigate_super_null_on_error": "on",
    "parse_super_null_on_error": "off",
    "query_group": "unset",
    "spectrum_query_maxerror": "-1",
    "stored_proc_log_min_messages": "LOG",
    "use_fips_ssl": "off",
    "wlm_query_slot_count": "1",
}
SETTING_PREFIX = "penstock_redshift."

# Statements that start so, with what Redshift says.
_REFUSED_STARTS: list[tuple[tuple[str, ...], str, str]] = [
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
    (("ANALYZE", "COMPRESSION"), "0A000", "ANALYZE COMPRESSION is not covered by this test server"),
]
# Words in a row anywhere in a statement.
_REFUSED_ANYWHERE: list[tuple[tuple[str, ...], str, str]] = [
    (("ON", "CONFLICT"), "42601", 'syntax error at or near "ON"'),
    (("RETURNING",), "42601", 'syntax error at or near "RETURNING"'),
    (("DISTINCT", "ON"), "0A000", "SELECT DISTINCT ON is not supported"),
    (("FOR", "UPDATE"), "0A000", "SELECT FOR UPDATE/SHARE is not supported"),
    (("ON", "COMMIT"), "42601", 'syntax error at or near "ON"'),
    (("(", "VALUES"), "0A000", "VALUES lists are only supported in INSERT"),
    (("FILTER", "(", "WHERE"), "42601", 'syntax error at or near "("'),
    (("::", "UUID"), "42704", 'type "uuid" does not exist'),
    (("::", "JSON"), "42704", 'type "json" does not exist'),
    (("::", "JSONB"), "42704", 'type "jsonb" does not exist'),
    (("REFRESH", "MATERIALIZED", "VIEW", "CONCURRENTLY"), "42601", 'syntax error at or near "CONCURRENTLY"'),
]
_FOR_SQLGLOT = {"DATEADD", "DATEDIFF", "DECODE", "NVL2"}


def rewrite(statement: Statement) -> str:
    """Return PostgreSQL's form of one statement of Redshift.

    Raises:
        RedshiftError: Redshift would refuse it, or this server does not cover it.
    """
    _refuse(statement)
    match statement.tokens[0].word:
        case "SHOW":
            return _show(statement)
        case "VACUUM":
            return _vacuum(statement)
        case "ANALYZE":
            return _without_tail(statement, ("PREDICATE", "COLUMNS"), ("ALL", "COLUMNS"))
        case "SET" | "RESET":
            return _set(statement)
    edits = Edits(statement.text)
    rewrite_create_table(statement, edits)
    rewrite_alter_table(statement, edits)
    _edit_words(statement, edits)
    text = edits.apply()
    return _through_sqlglot(text) if _needs_sqlglot(statement) else text


def _refuse(statement: Statement) -> None:
    for words, sqlstate, message in _REFUSED_STARTS:
        if statement.starts_with(*words):
            raise RedshiftError(message, sqlstate)
    for words, sqlstate, message in _REFUSED_ANYWHERE:
        if statement.find(*words) >= 0:
            raise RedshiftError(message, sqlstate)


def _show(statement: Statement) -> str:
    name = statement.tokens[1].name if len(statement.tokens) == 2 else ""
    if name == "server_version":
        return "SELECT '8.0.2' AS server_version"
    if name not in SETTINGS:
        return statement.text
    return f"SELECT coalesce(current_setting('{SETTING_PREFIX}{name}', true), '{SETTINGS[name]}') AS {name}"


def _set(statement: Statement) -> str:
    edits = Edits(statement.text)
    index = 2 if statement.tokens[0].word == "SET" and statement.tokens[1:2] and (
        statement.tokens[1].word in {"SESSION", "LOCAL"}
    ) else 1  # fmt: skip
    if index < len(statement.tokens) and statement.tokens[index].name in SETTINGS:
        token = statement.tokens[index]
        edits.replace(token, token, SETTING_PREFIX + token.name)
    return edits.apply()


def _vacuum(statement: Statement) -> str:
    words = {"VACUUM", "FULL", "SORT", "DELETE", "ONLY", "REINDEX", "RECLUSTER", "BOOST", "PERCENT", "TO"}
    rest = [token for token in statement.tokens if token.word not in words and token.kind is not Kind.NUMBER]
    return "VACUUM " + "".join(token.text for token in rest)


def _without_tail(statement: Statement, *tails: tuple[str, ...]) -> str:
    found = [index for tail in tails if (index := statement.find(*tail)) > 0]
    return statement.text[: statement.tokens[found[0]].start] if found else statement.text


def _edit_words(statement: Statement, edits: Edits) -> None:
    tokens = statement.tokens
    for index, token in enumerate(tokens):
        called = statement.has_at(index + 1, "(")
        if token.kind is Kind.QUOTED or token.text.startswith("#"):
            edits.replace(token, token, '"' + token.name.replace('"', '""') + '"')
        elif called and token.word == "NVL":
            edits.replace(token, token, "COALESCE")
        elif called and token.word == "LISTAGG":
            _edit_listagg(statement, index, edits)
        elif token.word == "SYSDATE" and not called:
            edits.replace(token, token, "LOCALTIMESTAMP")
        elif token.word == "APPROXIMATE" and statement.has_at(index + 1, "COUNT"):
            edits.replace(token, token, "")
        elif called and token.word in {"CURRENT_SETTING", "SET_CONFIG"} and index + 2 < len(tokens):
            argument = tokens[index + 2]
            if argument.kind is Kind.STRING and argument.value in SETTINGS:
                edits.replace(argument, argument, f"'{SETTING_PREFIX}{argument.value}'")
    unbound = statement.find("WITH", "NO", "SCHEMA", "BINDING")
    if unbound > 0:
        edits.replace(tokens[unbound], tokens[unbound + 3], "")


def _edit_listagg(statement: Statement, index: int, edits: Edits) -> None:
    """Edit `LISTAGG(x, s) WITHIN GROUP (ORDER BY y)` to `STRING_AGG((x)::text, s ORDER BY y)`."""
    tokens = statement.tokens
    close = statement.closing(index + 1)
    depth, comma = 0, -1
    for i in range(index + 1, close):
        depth += {"(": 1, ")": -1}.get(tokens[i].word, 0)
        if depth == 1 and tokens[i].word == ",":
            comma = i
    distinct = statement.has_at(index + 2, "DISTINCT")
    edits.replace(tokens[index], tokens[index], "STRING_AGG")
    edits.insert(tokens[index + 2 + distinct].start, "(")
    last = tokens[comma - 1] if comma > 0 else tokens[close - 1]
    edits.insert(last.end, ")::text" if comma > 0 else ")::text, ''")
    if statement.has_at(close + 1, "WITHIN", "GROUP", "("):
        edits.replace(tokens[close], tokens[close + 3], " ")


def _needs_sqlglot(statement: Statement) -> bool:
    words = [token.word for token in statement.tokens]
    called = any(word in _FOR_SQLGLOT and after == "(" for word, after in itertools.pairwise(words))
    return called or "QUALIFY" in words or statement.find("SELECT", "TOP") >= 0


def _through_sqlglot(text: str) -> str:
    import sqlglot  # noqa: PLC0415 - takes half a second, and few statements need it
    from sqlglot.errors import SqlglotError  # noqa: PLC0415

    # It warns of syntax that it passes on unparsed; PostgreSQL is the judge of that.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    # Its tokenizer takes `$1,$2` for a dollar-quoted string.
    safe = re.sub(r"\$(\d+)", r"penstock_parameter_\1", text)
    try:
        trees = sqlglot.parse(safe, read="redshift")
    except SqlglotError:
        return text
    rewritten = "; ".join(tree.sql(dialect="postgres") for tree in trees if tree)
    return re.sub(r"penstock_parameter_(\d+)", r"$\1", rewritten)
