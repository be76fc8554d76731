"""A table that is built anew beside the old one and takes its place, in one transaction.

Sources: "CREATE TABLE" (LIKE takes over columns, defaults, distribution, sort keys and NOT NULL, and neither keys nor privileges),
"Performing a deep copy" and "SVV_RELATION_PRIVILEGES" of the Amazon Redshift Database Developer Guide.
"""

import hashlib
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks import Session
from penstock_redshift.hooks.quoting import quoted
from penstock_redshift.transfers.modes import Copy

_PRIVILEGES = (
    "SELECT privilege_type, identity_type, identity_name, admin_option FROM svv_relation_privileges "
    "WHERE namespace_name = %s AND relation_name = %s ORDER BY 3, 1"
)
_IDENTITY = "SELECT column_name FROM svv_columns WHERE table_schema = %s AND table_name = %s AND column_default LIKE '%%identity%%(%%'"
_GRANTEES = {"public": "PUBLIC", "user": "{}", "group": "GROUP {}", "role": "ROLE {}"}


def swap(session: Session, copy: Copy, schema: str, table: str) -> int:
    """Load into a new table of the same columns, which then takes the old one's place and privileges; returns its rows.

    Readers see the old rows until the end, and wait for nothing but the renaming.

    Args:
        session: The transaction.
        copy: What is loaded.
        schema: The table's schema.
        table: Its name.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: the table has an identity column, which a copy of it would not
            continue.
    """
    names = schema.lower(), table.lower()
    made = session.rows(_IDENTITY, names)
    if made:
        raise ProviderError(
            f"{schema}.{table} has the identity column {made[0][0]}, and a new table would not go on with its numbers",
            service="redshift", operation="COPY", kind=ErrorKind.INVALID, hint="Use method 'replace'",
        )  # fmt: skip
    mark = hashlib.blake2b(table.lower().encode(), digest_size=6).hexdigest()
    new, old = f"penstock_new_{mark}", f"penstock_old_{mark}"
    session.run(f"CREATE TABLE {quoted(schema, new)} (LIKE {copy.table} INCLUDING DEFAULTS)")
    rows = copy.run(session, quoted(schema, new))
    privileges = session.rows(_PRIVILEGES, names)
    session.run(f"ALTER TABLE {copy.table} RENAME TO {quoted(old)}")
    session.run(f"ALTER TABLE {quoted(schema, new)} RENAME TO {quoted(table)}")
    for each in privileges:
        session.run(_grant(copy.table, *each))
    session.run(f"DROP TABLE {quoted(schema, old)}")
    return rows


def _grant(table: str, privilege: Any, kind: Any, name: Any, with_option: Any) -> str:  # noqa: ANN401 - of a row
    to = _GRANTEES[str(kind).strip()].format(quoted(str(name)))
    return f"GRANT {privilege} ON {table} TO {to}{' WITH GRANT OPTION' if with_option else ''}"
