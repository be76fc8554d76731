"""Every operation that a person can ask for. The command line and a REST API parse, call this, and print.

Each function takes an `penstock.service.installation.Installation` and returns plain values. It raises
`penstock.errors.RequestError` for what cannot be done and `NotFoundError`, with the nearest names, for what is missing.
"""
