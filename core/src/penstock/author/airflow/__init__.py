"""What people know from Airflow: its names and arguments, and what each is here."""
