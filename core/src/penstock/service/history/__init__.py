"""What was before, and what people have asked for: versions of DAGs, the audit, what became of requests."""
