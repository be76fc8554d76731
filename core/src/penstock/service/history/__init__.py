"""What was before: the versions of DAGs and how they differ."""
