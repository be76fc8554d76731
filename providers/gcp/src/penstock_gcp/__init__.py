"""Google Cloud for Penstock: Cloud Storage."""
