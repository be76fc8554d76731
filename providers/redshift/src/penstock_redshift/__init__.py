"""Amazon Redshift for Penstock, over psycopg 3."""
