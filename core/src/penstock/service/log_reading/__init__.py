"""Where logs are, and what reads them."""
