"""Random DAGs and schedules in Penstock and in Apache Airflow, compared."""
