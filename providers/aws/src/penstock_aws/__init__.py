"""Amazon Web Services for Penstock: S3."""
