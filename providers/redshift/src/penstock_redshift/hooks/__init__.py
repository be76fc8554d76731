"""Hooks of Redshift: the only room that imports its driver, and that on first use."""

from penstock_redshift.hooks.redshift import RedshiftHook
from penstock_redshift.hooks.session import Session

__all__ = ["RedshiftHook", "Session"]
