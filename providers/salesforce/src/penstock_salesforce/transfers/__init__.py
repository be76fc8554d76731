"""Transfers from Salesforce to object stores."""

from penstock_salesforce.transfers.to_object_store import SalesforceToObjectStoreOperator

__all__ = ["SalesforceToObjectStoreOperator"]
