"""Commands about the processes of an installation."""
