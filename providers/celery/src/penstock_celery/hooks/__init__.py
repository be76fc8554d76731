"""The client of the broker, and the Celery worker that hands tickets on."""
