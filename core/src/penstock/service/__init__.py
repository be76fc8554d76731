"""Every operation a person can ask for. The command line and the REST API parse, call this, and print.

Functions take an open `penstock.store.Store` and the present, return plain values, and raise
`penstock.errors.RequestError` for what cannot be done and `NotFoundError`, with the nearest names, for what is missing.
"""
