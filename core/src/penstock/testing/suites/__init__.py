"""One suite for each kind of thing that a provider offers: inherit it, give what it asks for as fixtures, get its tests.

They test what an object does, not what it looks like: signatures, types and documentation are the business of
`penstock.testing.provider_suite.ProviderSuite`. Each class names its fixtures.
"""
