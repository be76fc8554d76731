"""Who is at the door: passwords, sessions of browsers and tokens, and the commands that give them."""
