"""The server of Penstock: what people and programs on other machines see of an installation."""
