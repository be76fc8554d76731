"""What every operation is: its route, the permission that it needs, and the table of all of them."""
