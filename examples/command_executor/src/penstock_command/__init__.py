"""An example of a remote executor in one class."""
