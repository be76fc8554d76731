"""The way from PostgreSQL to the warehouse: extensions, a foreign server, and the login of this connection's user.

Source: "dblink", "postgres_fdw", "CREATE SERVER" and "CREATE USER MAPPING" of the documentation of PostgreSQL.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks.cache.columns import require_login
from penstock_redshift.hooks.cache.registry import REGISTRY
from penstock_redshift.hooks.credentials import temporary_credentials
from penstock_redshift.hooks.postgres import PostgresHook
from penstock_redshift.hooks.quoting import quoted
from penstock_redshift.hooks.redshift import RedshiftHook
from penstock_redshift.hooks.session import Session

WRAPPERS = ("dblink_fdw", "postgres_fdw")
_OLDEST = 120000
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('penstock_cache'))"
# The statement with the password is put together in the server, of a temporary table: it is in no text that is sent, logged or shown as
# running, and neither is it when it fails, as an error raised anew has no context of where it was raised first.
_LOG_IN = """DO $do$
DECLARE account record;
BEGIN
  SELECT * INTO STRICT account FROM pg_temp.penstock_cache_login;
  BEGIN
    EXECUTE format('DROP USER MAPPING IF EXISTS FOR CURRENT_USER SERVER %I', account.server);
    EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER %I OPTIONS (user %L, password %L)',
                   account.server, account.login, account.password);
  EXCEPTION WHEN OTHERS THEN
    RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
  END;
END $do$"""


def set_up(
    postgres: PostgresHook, redshift: RedshiftHook, server: str, wrapper: str, options: Mapping[str, str]
) -> dict[str, Any]:
    """Make or renew the way to the warehouse, in one transaction that ends with a query over it; returns who is logged in there.

    Args:
        postgres: Where the cache is.
        redshift: The warehouse; its login becomes that of the mapping.
        server: Name of the foreign server.
        wrapper: One of `WRAPPERS`.
        options: How libpq, in PostgreSQL, reaches the warehouse.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid`` or ``permission``: the database cannot be a cache, with all its reasons.
    """
    account = _account(redshift)

    def work(session: Session) -> dict[str, Any]:
        session.run(_LOCK)
        problems = list(_problems(session, wrapper))
        if problems:
            raise ProviderError(
                "; ".join(problems), service="postgres", operation="CacheSetup", kind=ErrorKind.INVALID,
                hint="Correct it, or have an administrator create the extensions",
            )  # fmt: skip
        for extension in _extensions(wrapper):
            session.run(f"CREATE EXTENSION IF NOT EXISTS {extension}")
        _write_server(session, server, wrapper, options)
        _write_login(session, server, *account)
        for statement in REGISTRY:
            session.run(statement)
        with of_the_warehouse(redshift, "CacheSetup"):
            return _who_we_are(session, server)

    return postgres.transaction(work, operation="CacheSetup", repeatable=True)


def renew_login(postgres: PostgresHook, redshift: RedshiftHook, server: str) -> None:
    """Give the mapping the warehouse's login anew, with a fresh password if it is a temporary one."""
    account = _account(redshift)

    def work(session: Session) -> None:
        session.run(_LOCK)  # two changes of one mapping at once would fail one of them
        _write_login(session, server, *account)

    postgres.transaction(work, operation="CacheLogin", repeatable=True)


@contextmanager
def of_the_warehouse(redshift: RedshiftHook, operation: str) -> Iterator[None]:
    """Let an error of the warehouse that a statement of PostgreSQL has met on its way name the connection to the warehouse."""
    import psycopg  # noqa: PLC0415 - on first use

    try:
        yield
    except psycopg.Error as error:
        # dblink's own of a connection, and those that it hands on, whose context names it
        if (error.sqlstate or "").startswith("08") or "dblink connection" in (error.diag.context or ""):
            raise redshift.provider_error(error, operation, "from PostgreSQL") from error
        raise


def _account(redshift: RedshiftHook) -> tuple[str, str]:
    require_login(redshift)
    fields = redshift.fields
    if not fields.iam:
        return fields.user, fields.password
    with redshift.errors("GetCredentials"):
        return temporary_credentials(fields)


def _extensions(wrapper: str) -> list[str]:
    return ["dblink"] if wrapper == "dblink_fdw" else ["dblink", "postgres_fdw"]


def _problems(session: Session, wrapper: str) -> Iterator[str]:
    if session.connection.info.server_version < _OLDEST:
        yield f"PostgreSQL {session.value('SHOW server_version')} is older than 12"
    encoding = session.value("SHOW server_encoding")
    if encoding != "UTF8":
        yield f"the database is encoded in {encoding}, in which not every text of Redshift can be written; make one in UTF8"
    if not session.value("SELECT has_database_privilege(current_database(), 'CREATE')"):
        yield "the user has no right CREATE on the database"
    for extension in _extensions(wrapper):
        rows = session.rows(
            "SELECT a.installed_version IS NOT NULL, r.rolsuper OR v.trusted FROM pg_available_extensions a"
            " JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version"
            " JOIN pg_roles r ON r.rolname = current_user WHERE a.name = %s",
            [extension],
        )
        if not rows:
            yield f"the server has no extension {extension}"
        elif not rows[0][0] and not rows[0][1] and not _is_hosted(session):
            yield f"the extension {extension} is not created, and the user may not create it"


def _is_hosted(session: Session) -> bool:
    """Whether a hosting service has its own rule of who may create extensions, as RDS has."""
    return bool(session.value("SELECT to_regrole('rds_superuser') IS NOT NULL"))


def _write_server(session: Session, server: str, wrapper: str, options: Mapping[str, str]) -> None:
    from psycopg import sql  # noqa: PLC0415 - on first use

    found = session.rows(
        "SELECT w.fdwname, ARRAY(SELECT option_name FROM pg_options_to_table(s.srvoptions)) FROM pg_foreign_server s"
        " JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw WHERE s.srvname = %s",
        [server],
    )
    if found and found[0][0] != wrapper:
        raise ProviderError(
            f"the foreign server {server} is one of {found[0][0]}, not of {wrapper}", service="postgres",
            operation="CacheSetup", kind=ErrorKind.CONFLICT, hint="Give it another name, or drop the server",
        )  # fmt: skip
    present = found[0][1] if found else []
    verbs = {name: ("SET " if name in present else "ADD ") if found else "" for name in options}
    listed = [
        f"{verbs[name]}{name} {sql.Literal(value).as_string(session.connection)}" for name, value in options.items()
    ]
    listed += [f"DROP {name}" for name in present if name not in options]
    begin = (
        f"ALTER SERVER {quoted(server)}" if found else f"CREATE SERVER {quoted(server)} FOREIGN DATA WRAPPER {wrapper}"
    )
    session.run(f"{begin} OPTIONS ({', '.join(listed)})")


def _write_login(session: Session, server: str, login: str, password: str) -> None:
    session.run("CREATE TEMP TABLE penstock_cache_login (server text, login text, password text) ON COMMIT DROP")
    with session.connection.cursor() as cursor, cursor.copy("COPY penstock_cache_login FROM STDIN") as copy:
        copy.write_row((server, login, password))
    session.run(_LOG_IN)


def _who_we_are(session: Session, server: str) -> dict[str, Any]:
    question = "SELECT usename::varchar, usesuper FROM pg_user WHERE usename = current_user"
    user, is_superuser = session.rows(
        "SELECT * FROM dblink(%s, %s) AS answer (login text, super boolean)", [server, question]
    )[0]
    return {"server": server, "user": user, "superuser": is_superuser}
