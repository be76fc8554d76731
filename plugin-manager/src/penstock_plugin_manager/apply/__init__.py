"""Carrying out a plan so that a kill at any instant leaves the environment as before or as planned."""
