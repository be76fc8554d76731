"""A page of what all sources of the vault have."""

from typing import TypeVar

from penstock.service.operations.page import Page

Thing = TypeVar("Thing")


class VaultPage(Page[Thing], frozen=True, kw_only=True):
    """Some of what all sources have, by name; of one name, what is used is first.

    Attributes:
        failures: What is wrong with sources that failed, a sentence each.
        silent: Names of the sources that cannot list what they have.
    """

    failures: list[str]
    silent: list[str]
