"""``penstock assets``."""
