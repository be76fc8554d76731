"""Operations on users, teams, grants, tokens and sessions, and who a request comes from."""
