"""Where sensors wait: the process that pokes them, and its line to the file server."""
