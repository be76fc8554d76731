"""What keeps schedulers on one database apart: who owns which DAG, what each is lent, and how one takes over (PostgreSQL)."""
