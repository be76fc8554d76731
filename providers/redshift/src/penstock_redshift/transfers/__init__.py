"""Transfers between object stores and Redshift."""

from penstock_redshift.transfers.load import S3ToRedshiftOperator
from penstock_redshift.transfers.unload import RedshiftToS3Operator

__all__ = ["RedshiftToS3Operator", "S3ToRedshiftOperator"]
