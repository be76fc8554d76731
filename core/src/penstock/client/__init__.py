"""The client of a server: the operations of an installation on another machine, asked over HTTP."""
