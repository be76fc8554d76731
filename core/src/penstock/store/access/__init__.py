"""Who may do what, as it is stored: users, teams and grants, tokens, sessions, logins, answers that are kept."""
