"""The tables of assets and what is written to them."""
