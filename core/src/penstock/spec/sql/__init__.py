"""Tasks on any SQL database, checks and a sensor, which a provider completes by the way to its database; and tables as files."""
