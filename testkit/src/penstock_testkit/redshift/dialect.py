"""What Redshift's SQL says, said to PostgreSQL; what Redshift refuses is refused first (`refused`, `queries`).

Source: "Amazon Redshift and PostgreSQL" (features implemented differently) and the function pages of the Amazon
Redshift Database Developer Guide. A statement that holds nothing of Redshift's own goes to PostgreSQL as it is, save
that quoted identifiers fold to lower case and literals are written without backslash escapes. Functions with the same
name and order of arguments are defined in the database (see `catalog`); those with a syntax of their own go through
sqlglot. Not covered: SUPER navigation, MERGE REMOVE DUPLICATES, late binding of views to tables that are not there,
external schemas, PIVOT, identifiers between 64 and 127 bytes, ALTER TABLE APPEND with IGNOREEXTRA or FILLTARGET.
"""

import itertools
import logging
import re
from collections.abc import Callable

from penstock_testkit.redshift.alter import rewrite_alter_table
from penstock_testkit.redshift.ddl import rewrite_create_table
from penstock_testkit.redshift.lexer import Edits, Kind, Statement, literal
from penstock_testkit.redshift.queries import refuse_query
from penstock_testkit.redshift.refused import refuse_syntax

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

# The last is a syntax of PostgreSQL 17, too, which does something else.
_RENAMED = {"NVL": "COALESCE", "ISNULL": "COALESCE", "JSON_SERIALIZE": "pg_catalog.json_serialize"}
_FOR_SQLGLOT = {"DATEADD", "DATEDIFF", "DECODE", "NVL2"}


def rewrite(statement: Statement) -> str:
    """Return PostgreSQL's form of one statement of Redshift.

    Raises:
        RedshiftError: Redshift would refuse it, or this server does not cover it.
    """
    refuse_syntax(statement)
    refuse_query(statement)
    match statement.tokens[0].word:
        case "SHOW":
            return _show(statement)
        case "VACUUM":
            return _vacuum(statement)
        case "ANALYZE":
            return _without_tail(statement, ("PREDICATE", "COLUMNS"), ("ALL", "COLUMNS"))
    return _through_sqlglot(statement) if _needs_sqlglot(statement) else _edited(statement, literal)


def _edited(statement: Statement, written: Callable[[str], str]) -> str:
    """Apply all edits; `written` makes a literal of a text."""
    edits = Edits(statement.text)
    if statement.tokens[0].word in {"SET", "RESET"}:
        _edit_setting(statement, edits)
    if statement.starts_with("DELETE") and not statement.has_at(1, "FROM"):
        edits.insert(statement.tokens[0].end, " FROM")
    _edit_words(statement, edits, written)
    rewrite_create_table(statement, edits)
    rewrite_alter_table(statement, edits)
    return edits.apply()


def _show(statement: Statement) -> str:
    name = statement.tokens[1].name if len(statement.tokens) == 2 else ""
    if name == "server_version":
        return "SELECT '8.0.2' AS server_version"
    if name not in SETTINGS:
        return statement.text
    return f"SELECT coalesce(current_setting('{SETTING_PREFIX}{name}', true), '{SETTINGS[name]}') AS {name}"


def _edit_setting(statement: Statement, edits: Edits) -> None:
    index = 2 if statement.tokens[0].word == "SET" and statement.tokens[1:2] and (
        statement.tokens[1].word in {"SESSION", "LOCAL"}
    ) else 1  # fmt: skip
    if index < len(statement.tokens) and statement.tokens[index].name in SETTINGS:
        token = statement.tokens[index]
        edits.replace(token, token, SETTING_PREFIX + token.name)


def _vacuum(statement: Statement) -> str:
    words = {"VACUUM", "FULL", "SORT", "DELETE", "ONLY", "REINDEX", "RECLUSTER", "BOOST", "PERCENT", "TO"}
    rest = [token for token in statement.tokens if token.word not in words and token.kind is not Kind.NUMBER]
    return "VACUUM " + "".join(token.text for token in rest)


def _without_tail(statement: Statement, *tails: tuple[str, ...]) -> str:
    found = [index for tail in tails if (index := statement.find(*tail)) > 0]
    return statement.text[: statement.tokens[found[0]].start] if found else statement.text


def _edit_words(statement: Statement, edits: Edits, written: Callable[[str], str]) -> None:
    tokens = statement.tokens
    for index, token in enumerate(tokens):
        called = statement.has_at(index + 1, "(")
        if token.kind is Kind.QUOTED or token.text.startswith("#"):
            edits.replace(token, token, '"' + token.name.replace('"', '""') + '"')
        elif token.kind is Kind.STRING and not token.is_dollar_quoted:
            edits.replace(token, token, written(_known_setting(statement, index)))
        elif called and token.word in _RENAMED:
            edits.replace(token, token, _RENAMED[token.word])
        elif called and token.word == "LISTAGG":
            _edit_listagg(statement, index, edits)
        elif token.word == "SYSDATE" and not called:
            edits.replace(token, token, "LOCALTIMESTAMP")
        elif token.word == "APPROXIMATE" and statement.has_at(index + 1, "COUNT"):
            edits.replace(token, token, "")
        elif called and token.word == "CONVERT":
            _edit_convert(statement, index, edits)
    unbound = statement.find("WITH", "NO", "SCHEMA", "BINDING")
    if unbound > 0:
        edits.replace(tokens[unbound], tokens[unbound + 3], "")


def _known_setting(statement: Statement, index: int) -> str:
    value = statement.tokens[index].value
    asked = any(statement.has_at(index - 2, name, "(") for name in ("CURRENT_SETTING", "SET_CONFIG"))
    return SETTING_PREFIX + value if asked and value in SETTINGS else value


def _edit_convert(statement: Statement, index: int, edits: Edits) -> None:
    """Edit `CONVERT(type, x)` to `CAST((x) AS type)`."""
    tokens, close = statement.tokens, statement.closing(index + 1)
    first = index + 3 if not statement.has_at(index + 3, "(") else statement.closing(index + 3) + 1
    comma = next((at for at in range(first, close) if tokens[at].word == ","), -1)
    if comma > 0:
        kind = statement.text[tokens[index + 2].start : tokens[comma - 1].end]
        edits.replace(tokens[index], tokens[comma], "CAST((")
        edits.insert(tokens[close].start, f") AS {kind}")


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


def _through_sqlglot(statement: Statement) -> str:
    import sqlglot  # noqa: PLC0415 - takes half a second, and few statements need it
    from sqlglot.errors import SqlglotError  # noqa: PLC0415

    # It warns of syntax that it passes on unparsed; PostgreSQL is the judge of that.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    kept = list[str]()

    def written(value: str) -> str:
        if "\\" not in value:
            return literal(value)
        kept.append(value)
        return f"'penstock_literal_{len(kept) - 1}_'"

    # Its tokenizer takes `$1,$2` for a dollar-quoted string, and a backslash for an escape.
    safe = re.sub(r"\$(\d+)", r"penstock_parameter_\1", _edited(statement, written))
    try:
        trees = sqlglot.parse(safe, read="redshift")
    except SqlglotError:
        return _edited(statement, literal)
    rewritten = "; ".join(tree.sql(dialect="postgres") for tree in trees if tree)
    rewritten = re.sub(r"penstock_parameter_(\d+)", r"$\1", rewritten)
    return re.sub(r"'penstock_literal_(\d+)_'", lambda found: literal(kept[int(found[1])]), rewritten)
