"""Answers that last: counted by who asked, and ended with the rights by which they began."""
