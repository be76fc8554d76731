"""A bucket of S3 with as many keys as one likes, which are made up when they are listed.

Source: the page of ListObjectsV2 in the Amazon S3 API reference, version 2006-03-01. Covered: ListObjectsV2 of one bucket, by path or by
host. Any other operation, and a delimiter, is refused; signatures and permissions are not looked at. What costs a page does not
depend on how many keys there are, so that a client's own cost is seen.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import overload
from urllib.parse import quote

from penstock_testkit.saas import App, HttpAnswer, RouteTable
from penstock_testkit.saas.messages import HttpRequest

_LARGEST_PAGE = 1000
_ANSWER = """<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>{prefix}</Prefix>\
<KeyCount>{count}</KeyCount><MaxKeys>{most}</MaxKeys><EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>\
{token}{contents}</ListBucketResult>"""
_OBJECT = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;0&quot;</ETag>"
    "<Size>1</Size><StorageClass>STANDARD</StorageClass></Contents>"
)

lists = RouteTable()


class NumberedKeys(Sequence[str]):
    """The keys under a folder, in their order: ``folder/00000000.json`` and so on, and some others behind them.

    Args:
        folder: The folder, with its slash.
        count: How many numbered keys there are.

    Attributes:
        others: Keys behind them, sorted.
    """

    def __init__(self, folder: str, count: int) -> None:
        self._folder, self._count, self.others = folder, count, list[str]()

    def __len__(self) -> int:
        return self._count + len(self.others)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        """The key or keys at a place."""
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        return f"{self._folder}{index:08}.json" if index < self._count else self.others[index - self._count]


class NumberedBucket(App):
    """A bucket whose folders hold numbered keys.

    Args:
        folders: How many keys each folder has, by its name with its slash.
        largest_page: What a page holds at most.
    """

    name = "numbered-bucket"
    hosts = ("*.s3.eu-central-1.amazonaws.com",)
    tables = (lists,)

    def __init__(self, folders: dict[str, int] | None = None, largest_page: int = _LARGEST_PAGE) -> None:
        super().__init__()
        self.folders = {name: NumberedKeys(name, count) for name, count in (folders or {"keys/": 3}).items()}
        self._largest_page = largest_page

    def page(self, prefix: str, after: str, most: int) -> tuple[Sequence[str], bool]:
        """Keys that begin with a prefix, in their order, from behind one of them; and whether there are more.

        Args:
            prefix: Beginning with the name of a folder.
            after: The key behind which it begins; "" for the first.
            most: Keys of the page.
        """
        keys: Sequence[str] = next((keys for name, keys in self.folders.items() if prefix.startswith(name)), ())
        begin = max(bisect_left(keys, prefix), bisect_right(keys, after))
        end = bisect_left(keys, prefix + "\U0010ffff")
        last = min(end, begin + min(most, self._largest_page))
        return keys[begin:last], last < end


@lists.route(
    "GET /{bucket}",
    query=("list-type", "prefix", "start-after", "continuation-token", "max-keys", "encoding-type", "fetch-owner"),
)
@lists.route(
    "GET /",
    query=("list-type", "prefix", "start-after", "continuation-token", "max-keys", "encoding-type", "fetch-owner"),
)
def list_objects(fake: NumberedBucket, request: HttpRequest, **_: str) -> HttpAnswer:
    """A page of keys; the token of the next one is its last key."""
    asked = request.query
    prefix, most = asked.get("prefix", ""), int(asked.get("max-keys", _LARGEST_PAGE))
    keys, more = fake.page(prefix, asked.get("continuation-token") or asked.get("start-after", ""), most)
    token = f"<NextContinuationToken>{quote(keys[-1])}</NextContinuationToken>" if more else ""
    contents = "".join(_OBJECT.format(key=quote(key)) for key in keys)
    body = _ANSWER.format(
        prefix=quote(prefix), count=len(keys), most=most, more=str(more).lower(), token=token, contents=contents
    )
    return HttpAnswer(200, {"Content-Type": "application/xml"}, body.encode())
