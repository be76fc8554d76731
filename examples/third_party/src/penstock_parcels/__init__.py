"""A provider for parcels: an example of one object of each kind."""
