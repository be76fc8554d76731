"""What a try is told, may ask and answers, between the scheduler and the executors."""
