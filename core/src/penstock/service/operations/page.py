"""The length of a page."""

from typing import Annotated

import msgspec

PageSize = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
"""How many things are listed at most; other numbers are refused where a request is decoded."""
