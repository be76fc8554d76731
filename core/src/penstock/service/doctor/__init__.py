"""What `penstock doctor` looks at: the parts that need more than a look at a list."""
