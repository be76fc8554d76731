"""Commands for what is configured in the database: connections, Variables, pools."""
