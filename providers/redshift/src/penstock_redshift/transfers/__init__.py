"""Transfers between object stores and Redshift, and from their files into PostgreSQL."""

from penstock_redshift.transfers.load import S3ToRedshiftOperator
from penstock_redshift.transfers.table_to_postgres import TableFilesToPostgresOperator
from penstock_redshift.transfers.table_to_redshift import TableFilesToRedshiftOperator
from penstock_redshift.transfers.unload import RedshiftToS3Operator

__all__ = [
    "RedshiftToS3Operator",
    "S3ToRedshiftOperator",
    "TableFilesToPostgresOperator",
    "TableFilesToRedshiftOperator",
]
