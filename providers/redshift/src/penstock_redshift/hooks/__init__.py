"""Hooks of Redshift and of PostgreSQL: the only room that imports their driver, and that on first use."""

from penstock_redshift.hooks.postgres import PostgresHook
from penstock_redshift.hooks.redshift import RedshiftHook
from penstock_redshift.hooks.session import Session

__all__ = ["PostgresHook", "RedshiftHook", "Session"]
