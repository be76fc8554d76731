"""Regular expressions that somebody wrote for texts of somebody else."""
