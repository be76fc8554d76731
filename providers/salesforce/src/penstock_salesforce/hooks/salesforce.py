"""The hook of Salesforce."""

from penstock_salesforce.hooks.field_grants import SalesforceFieldGrants
from penstock_salesforce.hooks.ingest import SalesforceIngest


class SalesforceHook(SalesforceFieldGrants, SalesforceIngest):
    """A client of Salesforce; making one opens nothing.

    Args:
        salesforce_conn_id: The connection, of type ``salesforce``.
        connection: The connection itself, in place of its name.
    """
