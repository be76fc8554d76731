"""What was before: versions of DAGs, the audit, the runs of some dates."""
