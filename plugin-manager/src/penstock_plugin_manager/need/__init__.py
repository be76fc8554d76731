"""What DAG files need: read from their syntax, never by importing them, never guessed."""
