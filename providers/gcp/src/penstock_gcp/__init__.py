"""Google Cloud for Penstock: Cloud Storage and Secret Manager."""
