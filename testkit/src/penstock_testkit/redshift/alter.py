"""ALTER TABLE of Redshift, rewritten for PostgreSQL.

Source: "ALTER TABLE" and "ALTER TABLE APPEND" of the Amazon Redshift Database Developer Guide. Which columns cannot be
altered is remembered from the CREATE TABLE and ALTER TABLE statements that the server saw, rolled back or not.
"""

# ruff: noqa: S608 - it makes statements of parts of statements

from penstock_testkit.redshift.ddl import (
    TABLE_WORDS,
    after_name,
    column_definition,
    created_table,
    is_varying,
    table_items,
)
from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import Edits, Statement, Token
from penstock_testkit.redshift.refused import top_level
from penstock_testkit.redshift.reserved import refuse_reserved

_HARMLESS = "SET (fillfactor = 100)"
_PROPERTIES = {"DISTKEY", "DISTSTYLE", "SORTKEY", "COMPOUND", "ENCODE"}
_NOT_WITH_ADD = {"UNIQUE", "PRIMARY", "REFERENCES", "IDENTITY", "GENERATED", "DISTKEY", "SORTKEY"}
_FIXED_ENCODINGS = {"BYTEDICT", "RUNLENGTH", "TEXT255", "TEXT32K"}


def rewrite_alter_table(statement: Statement, edits: Edits) -> None:
    """Add the edits that make an ALTER TABLE one of PostgreSQL; other statements get none.

    Raises:
        RedshiftError: A form that Redshift refuses.
    """
    if not statement.starts_with("ALTER", "TABLE"):
        return
    tokens = statement.tokens
    index = after_name(statement, 2)
    if index >= len(tokens):
        return
    table, action, rest = tokens[index - 1].name, tokens[index], tokens[index + 1 :]
    if any(token.word == "," for token in top_level(rest)):
        raise RedshiftError('syntax error at or near ","', "42601")
    definition = rest[1:] if rest and rest[0].word == "COLUMN" else rest
    match action.word:
        case "ADD" if definition:
            _rewrite_add(table, definition, edits, action)
        case "ALTER" if definition:
            _rewrite_alter(table, rest, edits, action)
        case "DROP" if definition and definition[0].word == "IF":
            raise RedshiftError('syntax error at or near "exists"', "42601")
        case "APPEND":
            _rewrite_append(statement, index, edits)
        case "RENAME":
            refuse_reserved(tokens[-1])
        case "DROP" | "OWNER" | "ROW":
            pass
        case _:
            raise RedshiftError(f'syntax error at or near "{action.text}"', "42601")


def _rewrite_add(table: str, definition: list[Token], edits: Edits, action: Token) -> None:
    if "CHECK" in [token.word for token in definition]:
        raise RedshiftError("CHECK constraints are not supported", "0A000")
    if definition[0].word in TABLE_WORDS:
        edits.replace(action, definition[-1], _HARMLESS)
        return
    words = [token.word for token in definition]
    if words[0] == "IF":
        raise RedshiftError('syntax error at or near "not"', "42601")
    refused = next((word for word in words[1:] if word in _NOT_WITH_ADD), "")
    if refused:
        raise RedshiftError(f"ALTER TABLE ADD COLUMN cannot define {refused}", "0A000")
    if "NOT" in words and "DEFAULT" not in words:
        text = "ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression"
        raise RedshiftError(text, "0A000")
    edits.replace(definition[0], definition[-1], column_definition(edits, table, definition)[0])


def _rewrite_alter(table: str, rest: list[Token], edits: Edits, action: Token) -> None:
    words = [token.word for token in rest]
    if words[0] in _PROPERTIES or (words[0] == "COLUMN" and "ENCODE" in words):
        edits.replace(action, rest[-1], _HARMLESS)
    elif words[0] != "COLUMN" or words[2:3] != ["TYPE"]:
        at = rest[2:3] if words[0] == "COLUMN" else rest
        raise RedshiftError(f'syntax error at or near "{(at or rest)[0].text}"', "42601")
    elif not is_varying(rest[3:]):
        kind = rest[3].text if rest[3:] else ""
        text = f'target data type "{kind}" is not supported: only the size of a VARCHAR column of "{table}" can change'
        raise RedshiftError(text, "0A000")


def _rewrite_append(statement: Statement, index: int, edits: Edits) -> None:
    """Move the rows: columns of the source into those of the target, which have the same names in the same order."""
    source = statement.tokens[index + 2 :]
    if not statement.has_at(index + 1, "FROM") or not source:
        raise RedshiftError("syntax error at end of input", "42601")
    if source[-1].word in {"IGNOREEXTRA", "FILLTARGET"}:
        raise RedshiftError(f"{source[-1].word} is not covered by this test server", "0A000")
    target = edits.within(statement.tokens[2], statement.tokens[index - 1])
    moved = f"WITH moved AS (DELETE FROM {edits.within(source[0], source[-1])} RETURNING *)"
    edits.replace(statement.tokens[0], source[-1], f"{moved} INSERT INTO {target} SELECT * FROM moved")


def runs_alone(statement: Statement) -> str:
    """Return the name of a command that Redshift refuses within a transaction block; "" for the others."""
    if statement.starts_with("ALTER", "TABLE"):
        index = after_name(statement, 2)
        if statement.has_at(index, "APPEND"):
            return "ALTER TABLE APPEND"
        if statement.has_at(index, "ALTER", "COLUMN") and statement.has_at(index + 3, "TYPE"):
            return "ALTER TABLE ALTER COLUMN"
    return ""


class FixedColumns:
    """Columns whose type cannot be altered, by table, each with the reason."""

    def __init__(self) -> None:
        self._reasons: dict[tuple[str, str], str] = {}

    def see(self, statement: Statement) -> None:
        """Remember what a CREATE TABLE or ADD COLUMN says.

        Raises:
            RedshiftError: An ALTER COLUMN TYPE of such a column.
        """
        table, items = created_table(statement), table_items(statement)
        index = after_name(statement, 2) if statement.starts_with("ALTER", "TABLE") else -1
        if index > 0 and statement.has_at(index, "ADD"):
            table, rest = statement.tokens[index - 1].name, statement.tokens[index + 1 :]
            items = [rest[1:] if rest and rest[0].word == "COLUMN" else rest]
        elif table:
            self._reasons = {key: reason for key, reason in self._reasons.items() if key[0] != table}
        for item in items:
            self._see_item(table, item)
        if index > 0 and statement.has_at(index, "ALTER", "COLUMN") and statement.has_at(index + 3, "TYPE"):
            column = (statement.tokens[index - 1].name, statement.tokens[index + 2].name)
            if column in self._reasons:
                raise RedshiftError(f'cannot alter type of column "{column[1]}": {self._reasons[column]}', "0A000")

    def _see_item(self, table: str, item: list[Token]) -> None:
        words = [token.word for token in item]
        if words and words[0] in TABLE_WORDS:
            names = [token.name for token in item[words.index("(") :] if not token.word or token.word.isidentifier()]
            for name in names if "(" in words else []:
                self._reasons[table, name] = f"it is part of a {' '.join(words[: words.index('(')])} constraint"
        elif words:
            fixed = {"DEFAULT", "UNIQUE", "PRIMARY", "REFERENCES", "IDENTITY"} | _FIXED_ENCODINGS
            reason = next((word for word in words[1:] if word in fixed), "")
            if reason:
                self._reasons[table, item[0].name] = f"it is defined with {reason}"
