"""Conformance: a provider's suites, run in environments that hold nothing but what it declares, a core and pytest."""
