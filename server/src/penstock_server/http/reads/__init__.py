"""Answers of reads: kept while they are true, and made once for all who ask the same at a time."""
