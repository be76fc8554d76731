"""Backfills that live: each makes its runs itself, date by date, as there is room for them."""
