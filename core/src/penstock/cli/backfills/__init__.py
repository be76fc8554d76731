"""``penstock backfills``."""
