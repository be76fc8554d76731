"""Comments that tell the warehouse which task a statement belongs to.

Sources: the annotation format of intermix.io (``/* INTERMIX_ID: <base64 of JSON> */`` before the statement) and the
sqlcommenter specification (``/*key='value',...*/`` after it).
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote

from penstock_redshift.hooks.statements import has_comment

Tagging = Literal["none", "intermix", "sqlcommenter", "both"]

_MOST_CHARACTERS = 4_000_000  # of a statement with its annotation; beyond, Redshift's 16 MB limit is near
_INTERMIX = re.compile(r"\s*/\* INTERMIX_ID.*?\*/", re.DOTALL)


def tagged(statement: str, tags: Mapping[str, str], tagging: Tagging, *, has_parameters: bool = False) -> str:
    """The statement with its comments.

    A statement that has an annotation already keeps it; one that has any comment gets no sqlcommenter's, as its
    specification asks.

    Args:
        statement: One statement.
        tags: Keys and values, such as ``{"app": "penstock", "dag": "sales"}``; empty values are left out.
        tagging: Which comments.
        has_parameters: Whether the driver will replace ``%s``: then ``%`` is doubled in what is added.
    """
    tags = {key: value for key, value in tags.items() if value}
    if tagging == "none" or not tags or len(statement) > _MOST_CHARACTERS:
        return statement
    result = statement
    if tagging in ("sqlcommenter", "both") and not has_comment(statement):
        result = _commented(result, tags, has_parameters=has_parameters)
    if tagging in ("intermix", "both") and not _INTERMIX.match(statement):
        payload = base64.b64encode(json.dumps(tags, separators=(",", ":")).encode()).decode()
        result = f"/* INTERMIX_ID: {payload} */ {result}"
    return result


def _commented(statement: str, tags: Mapping[str, str], *, has_parameters: bool) -> str:
    pairs = sorted((quote(key, safe=""), quote(value, safe="")) for key, value in tags.items())
    comment = ",".join(f"{key}='{value}'" for key, value in pairs)
    if has_parameters:
        comment = comment.replace("%", "%%")
    body = statement.rstrip()
    end = ";" if body.endswith(";") else ""
    return f"{body.removesuffix(';')} /*{comment}*/{end}"
