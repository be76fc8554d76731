"""How the change feed is stored: what each transaction tells of itself."""
