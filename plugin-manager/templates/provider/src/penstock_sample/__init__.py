"""A provider of Penstock; `provider.toml` beside this file says what it offers."""
