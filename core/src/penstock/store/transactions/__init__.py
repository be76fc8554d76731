"""Several transactions as one, and what goes with a step's."""
