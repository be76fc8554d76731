"""The hook of Salesforce."""

from penstock_salesforce.hooks.ingest import SalesforceIngest
from penstock_salesforce.hooks.queries import SalesforceQueries


class SalesforceHook(SalesforceQueries, SalesforceIngest):
    """A client of Salesforce; making one opens nothing.

    Args:
        salesforce_conn_id: The connection, of type ``salesforce``.
        connection: The connection itself, in place of its name.
    """
