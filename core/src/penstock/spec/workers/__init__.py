"""What workers on other machines keep."""
