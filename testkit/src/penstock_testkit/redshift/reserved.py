"""Reserved words of Redshift, of which PostgreSQL reserves but a part.

Source: "Reserved words" and "Names and identifiers" of the Amazon Redshift Database Developer Guide.
"""

from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import Kind, Statement, Token

_RESERVED = {
    "AES128", "AES256", "ALL", "ALLOWOVERWRITE", "ANALYSE", "ANALYZE", "AND", "ANY", "ARRAY", "AS", "ASC",
    "AUTHORIZATION", "AZ64", "BACKUP", "BETWEEN", "BINARY", "BLANKSASNULL", "BOTH", "BYTEDICT", "BZIP2", "CASE",
    "CAST", "CHECK", "COLLATE", "COLUMN", "CONNECT", "CONSTRAINT", "CREATE", "CREDENTIALS", "CROSS", "CURRENT_DATE",
    "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER", "CURRENT_USER_ID", "DEFAULT", "DEFERRABLE", "DEFLATE",
    "DEFRAG", "DELTA", "DELTA32K", "DESC", "DISABLE", "DISTINCT", "DO", "ELSE", "EMPTYASNULL", "ENABLE", "ENCODE",
    "ENCRYPT", "ENCRYPTION", "END", "EXCEPT", "EXPLICIT", "FALSE", "FOR", "FOREIGN", "FREEZE", "FROM", "FULL",
    "GLOBALDICT256", "GLOBALDICT64K", "GRANT", "GROUP", "GZIP", "HAVING", "IDENTITY", "IGNORE", "ILIKE", "IN",
    "INITIALLY", "INNER", "INTERSECT", "INTERVAL", "INTO", "IS", "ISNULL", "JOIN", "LANGUAGE", "LEADING", "LEFT",
    "LIKE", "LIMIT", "LOCALTIME", "LOCALTIMESTAMP", "LUN", "LUNS", "LZO", "LZOP", "MINUS", "MOSTLY16", "MOSTLY32",
    "MOSTLY8", "NATURAL", "NEW", "NOT", "NOTNULL", "NULL", "NULLS", "OFF", "OFFLINE", "OFFSET", "OID", "OLD", "ON",
    "ONLY", "OPEN", "OR", "ORDER", "OUTER", "OVERLAPS", "PARALLEL", "PARTITION", "PERCENT", "PERMISSIONS", "PIVOT",
    "PLACING", "PRIMARY", "RAW", "READRATIO", "RECOVER", "REFERENCES", "REJECTLOG", "RESORT", "RESPECT", "RESTORE",
    "RIGHT", "SELECT", "SESSION_USER", "SIMILAR", "SNAPSHOT", "SOME", "START", "SYSDATE", "SYSTEM", "TABLE", "TAG",
    "TDES", "TEXT255", "TEXT32K", "THEN", "TIMESTAMP", "TO", "TOP", "TRAILING", "TRUE", "TRUNCATECOLUMNS", "UNION",
    "UNIQUE", "UNNEST", "UNPIVOT", "USER", "USING", "VERBOSE", "WALLET", "WHEN", "WHERE", "WITH", "WITHOUT",
}  # fmt: skip
# Those that no statement has for anything but a name.
_NEVER_SYNTAX = {
    "AES128", "AES256", "DEFRAG", "LUN", "LUNS", "OFFLINE", "PERMISSIONS", "RECOVER", "REJECTLOG", "RESORT", "TAG", "TDES",
    "WALLET",
}  # fmt: skip
# Statements about users and code, in which other words are names and syntax.
_OTHERS = {"GRANT", "REVOKE", "SET", "SHOW"}


def refuse_reserved(token: Token) -> None:
    """Refuse a name that is a reserved word without quotes.

    Raises:
        RedshiftError: It is one.
    """
    if token.kind is Kind.WORD and token.word in _RESERVED:
        raise RedshiftError(f'syntax error at or near "{token.text}"', "42601")


def refuse_reserved_words(statement: Statement) -> None:
    """Refuse reserved words that stand where only a name can; labels behind AS and a dot may be any word.

    Raises:
        RedshiftError: There is one.
    """
    if statement.tokens[0].word in _OTHERS:
        return
    for index, token in enumerate(statement.tokens):
        if token.word in _NEVER_SYNTAX and not (index and statement.tokens[index - 1].word in {".", "AS"}):
            refuse_reserved(token)
