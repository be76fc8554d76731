"""Operations on alerts, and the notifiers that the settings name."""
