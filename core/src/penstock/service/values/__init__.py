"""Operations on the values of tasks: what they left, and what their templates had become."""
