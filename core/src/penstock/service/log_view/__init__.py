"""Operations on what logs say: pages of one, places in one, and search in all."""
