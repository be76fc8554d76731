"""Checkpoints: what a task instance keeps across its own tries, and the bounds of that."""

LARGEST_CHECKPOINT = 65_536
"""Bytes of the JSON of one checkpoint; a larger value belongs into an object store, and its URL here."""
MOST_CHECKPOINTS = 100
"""Keys that one task instance may have."""
OWN_PREFIX = "penstock."
"""What the keys begin with that are no author's own."""

JOB = f"{OWN_PREFIX}job"
"""The key of an external job (`penstock.spec.external_job`)."""
LEFT_JOB = f"{OWN_PREFIX}job.left"
"""The key under which that of a cleared task instance is found, so that its next try can end a job that still runs."""
