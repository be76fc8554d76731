"""What an installation is to outlive: a machine without room."""
