"""Names in SQL text; values go as parameters, which the driver quotes."""


def quoted(*parts: str) -> str:
    """A name of one or more parts, such as ``"schema"."table"``; empty parts are left out.

    >>> quoted("sales", 'odd"name')
    '"sales"."odd""name"'
    """
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts if part)


def escaped(text: str) -> str:
    """SQL text of a person's own, for a statement that has parameters: its ``%`` are no placeholders."""
    return text.replace("%", "%%")
