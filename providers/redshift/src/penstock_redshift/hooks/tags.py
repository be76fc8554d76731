"""Reading back which task a statement belongs to, from its comments.

Read are the formats that `tagging` writes, and the JSON that dbt puts into a comment of its own. Sources: the annotation format of
intermix.io; the sqlcommenter specification, "Parsing"; "query-comment" of the dbt documentation.
"""

import base64
import binascii
import json
import re
from typing import Any
from urllib.parse import unquote

_INTERMIX = re.compile(r"/\* INTERMIX_ID: ([A-Za-z0-9+/=\s]+?)\s*\*/")
_JSON = re.compile(r"/\*\s*(\{.*?\})\s*\*/", re.DOTALL)
_COMMENTED = re.compile(r"/\*((?:[^='*/\s,]+='(?:[^'\\]|\\.)*',?)+)\*/\s*;?\s*$")
_PAIR = re.compile(r"([^='*/\s,]+)='((?:[^'\\]|\\.)*)'")


def read_tags(statement: str) -> dict[str, str]:
    """The keys and values in a statement's comments; empty if it has none.

    Where several comments say something of one key, sqlcommenter's counts least and intermix's most. A comment that was cut, as
    the system tables cut long statements, says nothing.
    """
    found: dict[str, str] = {}
    if commented := _COMMENTED.search(statement):
        found |= {unquote(key): unquote(value.replace("\\'", "'")) for key, value in _PAIR.findall(commented[1])}
    if plain := _JSON.search(statement):
        found |= _flat(plain[1])
    if annotation := _INTERMIX.search(statement):
        try:
            found |= _flat(base64.b64decode("".join(annotation[1].split()), validate=True).decode())
        except (binascii.Error, UnicodeDecodeError):
            return found
    return found


def _flat(text: str) -> dict[str, str]:
    try:
        given: Any = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(given, dict):
        return {}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}
