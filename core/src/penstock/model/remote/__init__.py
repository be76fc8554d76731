"""Values of tries on other machines, and of the workers there."""
