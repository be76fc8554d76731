"""What task instances keep across their own tries."""
