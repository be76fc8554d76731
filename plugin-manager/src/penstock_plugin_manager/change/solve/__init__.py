"""Solving: requests without the releases that do not fit the core, and each failure in words, with the ways out."""
