"""Objects of stores: the operator that copies them from any to any other."""
