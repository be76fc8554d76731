"""Catalogs: static JSON that says which providers exist and what each of them does."""
