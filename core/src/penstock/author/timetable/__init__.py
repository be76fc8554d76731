"""What an author may write for a schedule and for dates, and the values of the model that it means."""
