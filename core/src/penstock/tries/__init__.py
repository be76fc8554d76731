"""Requests, inputs, asks and recovery of tries, between the scheduler and the executors."""
