"""A fake of Salesforce: logins, REST queries and records, Bulk API 2.0."""

from penstock_testkit.salesforce.organisation import HOST, Salesforce

__all__ = ["HOST", "Salesforce"]
