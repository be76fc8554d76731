"""Operations on what is configured in the database: connections, Variables, pools."""
