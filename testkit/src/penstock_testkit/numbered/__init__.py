"""A bucket with as many keys as one likes."""

from penstock_testkit.numbered.numbered_keys import NumberedBucket

__all__ = ["NumberedBucket"]
