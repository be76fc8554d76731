"""The tables of tries on other machines."""
