"""The cache of a warehouse in PostgreSQL: views and tables that PostgreSQL fills by queries that it sends to Redshift."""
