"""Operations on the database as a whole."""
