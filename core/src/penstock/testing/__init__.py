"""What users and authors of providers test with."""
