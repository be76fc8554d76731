"""What Redshift refuses in queries: functions of the leader node over tables, window frames, correlation, MERGE.

Source: "Leader node-only functions", "SQL functions supported on the leader node", "Window function syntax summary",
"Correlated subqueries", "MERGE" and "CREATE VIEW" of the Amazon Redshift Database Developer Guide. Names are read
from the tokens and are not resolved: a correlation is seen by its qualified names alone.
"""

from dataclasses import dataclass

from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import Kind, Statement

_LEADER_FUNCTIONS = {
    "CURRENT_SCHEMA", "CURRENT_SCHEMAS", "HAS_DATABASE_PRIVILEGE", "HAS_SCHEMA_PRIVILEGE", "HAS_TABLE_PRIVILEGE", "AGE",
    "ISFINITE", "NOW", "GETBIT", "GET_BYTE", "SET_BIT", "SET_BYTE", "TO_ASCII", "GENERATE_SERIES",
}  # fmt: skip
_LEADER_WORDS = {"CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME"}
_SYSTEM_PREFIXES = ("stl_", "stv_", "svl_", "svv_", "sys_")
_FRAMED = {
    "SUM", "AVG", "COUNT", "MIN", "MAX", "STDDEV", "STDDEV_SAMP", "STDDEV_POP", "VARIANCE", "VAR_SAMP", "VAR_POP",
    "FIRST_VALUE", "LAST_VALUE", "NTH_VALUE",
}  # fmt: skip
_NOT_ON_TABLES = "Specified types or functions (one per INFO message) not supported on Redshift tables."
_CORRELATED = "This type of correlated subquery pattern is not supported due to internal error"
_TAKES_FROM = {"EXTRACT", "TRIM", "SUBSTRING", "OVERLAY", "BTRIM"}
_ENDS_OF_FROM = {"WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "UNION", "EXCEPT", "INTERSECT", "QUALIFY", "SET", "ON"}


@dataclass(frozen=True, slots=True)
class _Table:
    """A table that a statement names: the parts of its name, and what it is called in the query."""

    parts: tuple[str, ...]
    alias: str

    @property
    def is_of_the_leader(self) -> bool:
        return self.parts[0] in {"pg_catalog", "information_schema"} or self.parts[-1].startswith("pg_")

    @property
    def is_users(self) -> bool:
        return not self.is_of_the_leader and not self.parts[-1].startswith(_SYSTEM_PREFIXES)


def refuse_query(statement: Statement) -> None:
    """Refuse a statement for the queries in it.

    Raises:
        RedshiftError: What Redshift would say.
    """
    tables = _tables(statement, 0, len(statement.tokens))
    _refuse_leader_functions(statement, tables)
    _refuse_windows(statement)
    _refuse_correlation(statement, 0, len(statement.tokens), [{table.alias for table in tables}])
    if statement.starts_with("MERGE"):
        _refuse_merge(statement)
    if statement.starts_with("CREATE") and statement.find("WITH", "NO", "SCHEMA", "BINDING") > 0:
        _refuse_unqualified(tables)


def _refuse_leader_functions(statement: Statement, tables: list[_Table]) -> None:
    on_nodes = [table for table in tables if not table.is_of_the_leader]
    writes_query = (statement.starts_with("INSERT") or statement.starts_with("CREATE")) and statement.find("SELECT") > 0
    if _makes_view(statement) or not (on_nodes or writes_query):
        return
    for index, token in enumerate(statement.tokens):
        called = statement.has_at(index + 1, "(") and not statement.has_at(index - 1, ".")
        if (called and token.word in _LEADER_FUNCTIONS) or token.word in _LEADER_WORDS:
            raise RedshiftError(_NOT_ON_TABLES, "0A000", f'Function "{token.name}" not supported.')
    if any(table.is_users for table in tables) and any(table.is_of_the_leader for table in tables):
        raise RedshiftError(_NOT_ON_TABLES, "0A000")


def _makes_view(statement: Statement) -> bool:
    return statement.starts_with("CREATE") and statement.find("VIEW") in {1, 2, 3}


def _refuse_windows(statement: Statement) -> None:
    for index, token in enumerate(statement.tokens):
        if token.word == "WINDOW" and statement.has_at(index + 2, "AS", "("):
            raise RedshiftError('syntax error at or near "WINDOW"', "42601")  # "SELECT" has no such clause
        if token.word != "OVER" or not statement.has_at(index + 1, "("):
            continue
        end = statement.closing(index + 1)
        inside = [statement.tokens[at].word for at in _top_level(statement, index + 2, end)]
        if {"RANGE", "GROUPS"} & set(inside) and "BETWEEN" in inside:
            raise RedshiftError('syntax error at or near "RANGE": a window frame is one of ROWS', "42601")
        if "ORDER" in inside and "ROWS" not in inside and _called_before(statement, index) in _FRAMED:
            text = "Aggregate window functions with an ORDER BY clause require a frame clause"
            raise RedshiftError(text, "42601")


def _called_before(statement: Statement, index: int) -> str:
    """The function whose arguments end before the token at `index`."""
    at, depth = index - 1, 0
    if statement.has_at(at - 1, "IGNORE", "NULLS") or statement.has_at(at - 1, "RESPECT", "NULLS"):
        at -= 2
    while at > 0:
        depth += {")": 1, "(": -1}.get(statement.tokens[at].word, 0)
        if depth == 0:
            return statement.tokens[at - 1].word
        at -= 1
    return ""


def _refuse_correlation(statement: Statement, start: int, end: int, outer: list[set[str]]) -> None:
    at = start
    while at < end:
        if statement.has_at(at, "(", "SELECT"):
            close = statement.closing(at)
            own = {table.alias for table in _tables(statement, at + 1, close)}
            _refuse_correlated(statement, at + 1, close, own, outer)
            _refuse_correlation(statement, at + 2, close, [*outer, own])
            at = close
        at += 1


def _refuse_correlated(statement: Statement, start: int, end: int, own: set[str], outer: list[set[str]]) -> None:
    skipped = set().union(*outer[:-1]) - outer[-1] - own
    around = outer[-1] - own
    has_window = any(statement.has_at(at, "OVER", "(") for at in range(start, end))
    for at in _top_level(statement, start, end):
        token = statement.tokens[at]
        qualified = statement.has_at(at + 1, ".") and not statement.has_at(at - 1, ".")
        if not qualified or token.kind not in {Kind.WORD, Kind.QUOTED}:
            continue
        beside = {statement.tokens[at - 1].word} | {each.word for each in statement.tokens[at + 3 : at + 4]}
        if token.name in skipped or (token.name in around and (has_window or {"<", ">"} & beside)):
            raise RedshiftError(_CORRELATED, "0A000")


def _refuse_merge(statement: Statement) -> None:
    using = statement.find("USING")
    if statement.find("WITH") > 0 or statement.has_at(using + 1, "("):
        raise RedshiftError("the source of MERGE must be a table", "0A000")
    if statement.find("REMOVE", "DUPLICATES") > 0:
        raise RedshiftError("MERGE REMOVE DUPLICATES is not covered by this test server", "0A000")
    matched, missing = statement.find("WHEN", "MATCHED"), statement.find("WHEN", "NOT", "MATCHED")
    if statement.find("DO", "NOTHING") > 0 or matched < 0 or missing < 0:
        raise RedshiftError("syntax error at end of input: MERGE needs WHEN MATCHED and WHEN NOT MATCHED", "42601")


def _refuse_unqualified(tables: list[_Table]) -> None:
    for table in tables:
        if len(table.parts) == 1:
            text = f'table "{table.parts[0]}" must be qualified by its schema in a view WITH NO SCHEMA BINDING'
            raise RedshiftError(text, "42601")


def _top_level(statement: Statement, start: int, end: int) -> list[int]:
    """Indexes of the tokens that are in no subquery of their own."""
    found, at = [], start
    while at < end:
        if statement.has_at(at, "(", "SELECT"):
            at = statement.closing(at)
        found.append(at)
        at += 1
    return found


def _tables(statement: Statement, start: int, end: int) -> list[_Table]:
    """The tables of a query; those of its subqueries only when it is the whole statement."""
    ctes = _named_queries(statement)
    span = range(start, end) if start == 0 else _top_level(statement, start, end)
    found = list[_Table]()
    for at in span:
        token = statement.tokens[at]
        if token.word in {"FROM", "JOIN", "USING", "UPDATE"} and not _is_argument(statement, at):
            found += _listed(statement, at + 1, end)
    return [table for table in found if table.parts[0] not in ctes or len(table.parts) > 1]


def _listed(statement: Statement, at: int, end: int) -> list[_Table]:
    found = list[_Table]()
    while at < end:
        while statement.has_at(at, "ONLY"):
            at += 1
        if statement.has_at(at, "("):
            at = statement.closing(at) + 1
            parts: tuple[str, ...] = ()
        else:
            parts, at = _name(statement, at, end)
        at += statement.has_at(at, "AS")
        alias = parts[-1] if parts else ""
        if at < end and _is_name(statement, at):
            alias, at = statement.tokens[at].name, at + 1
        if parts and not statement.has_at(at, "("):
            found.append(_Table(parts, alias))
        if not statement.has_at(at, ","):
            return found
        at += 1
    return found


def _name(statement: Statement, at: int, end: int) -> tuple[tuple[str, ...], int]:
    parts = list[str]()
    while at < end and statement.tokens[at].kind in {Kind.WORD, Kind.QUOTED}:
        parts.append(statement.tokens[at].name)
        at += 1
        if not statement.has_at(at, "."):
            break
        at += 1
    if statement.has_at(at, "("):
        return (), statement.closing(at) + 1
    return tuple(parts), at


_NO_ALIAS = _ENDS_OF_FROM | {
    "JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "OUTER", "USING", "WHEN", "AS", "WITH", "VALUES",
    "SELECT", "FETCH", "OFFSET", "WINDOW",
}  # fmt: skip


def _is_name(statement: Statement, at: int) -> bool:
    token = statement.tokens[at]
    return token.kind is Kind.QUOTED or (token.kind is Kind.WORD and token.word not in _NO_ALIAS)


def _is_argument(statement: Statement, index: int) -> bool:
    """Whether the word stands among a function's arguments, as in `EXTRACT(day FROM at)`, or names no table."""
    if statement.has_at(index, "UPDATE") and index > 0:
        return True
    if (
        statement.has_at(index, "USING")
        and statement.has_at(index + 1, "(")
        and not statement.has_at(index + 2, "SELECT")
    ):
        return True
    depth = 0
    for at in range(index - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(statement.tokens[at].word, 0)
        if depth < 0:
            return at > 0 and statement.tokens[at - 1].word in _TAKES_FROM
    return False


def _named_queries(statement: Statement) -> set[str]:
    """Names of the common table expressions."""
    names = set[str]()
    for at, token in enumerate(statement.tokens):
        if token.word == "AS" and statement.has_at(at + 1, "(") and at > 0:
            before = at - 1
            if statement.has_at(before, ")"):
                depth = 0
                while before > 0:
                    depth += {")": 1, "(": -1}.get(statement.tokens[before].word, 0)
                    before -= 1
                    if depth == 0:
                        break
            if statement.tokens[before].kind in {Kind.WORD, Kind.QUOTED} and statement.find("WITH") >= 0:
                names.add(statement.tokens[before].name)
    return names
