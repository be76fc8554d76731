"""What must hold of the rows after every transaction, worked out a second time, apart from the engine."""
