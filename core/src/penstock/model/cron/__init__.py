"""What cron expressions mean on a clock that is changed."""
