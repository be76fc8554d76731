"""Hooks of Salesforce: the only room that imports its SDK, and that on first use."""

from penstock_salesforce.hooks.salesforce import SalesforceHook

__all__ = ["SalesforceHook"]
