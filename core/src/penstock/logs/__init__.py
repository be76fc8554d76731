"""Logs in a log store: the shipper brings them there from this machine's files, readers get them back from both."""
