"""Transfers from Salesforce to object stores, and pipelines from there into databases."""

from penstock_salesforce.transfers.pipelines import salesforce_to_postgres, salesforce_to_redshift
from penstock_salesforce.transfers.to_object_store import SalesforceToObjectStoreOperator

__all__ = ["SalesforceToObjectStoreOperator", "salesforce_to_postgres", "salesforce_to_redshift"]
