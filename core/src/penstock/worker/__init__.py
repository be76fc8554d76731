"""The worker: takes tickets, runs their tries beside each other, and tells the server all that becomes of them."""
