"""What the hooks of providers are made of: fields, clients, repetition, kinds of failures, the connection test."""
