"""Salesforce for Penstock."""
