"""Celery for Penstock: tries on pools of workers, reached by a broker."""
