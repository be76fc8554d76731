"""Commands of a command line, as tests give them: processes of their own that need import nothing."""
