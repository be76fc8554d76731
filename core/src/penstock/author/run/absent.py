"""The error of an attribute that something of the context does not have."""

from collections.abc import Iterable

from penstock.errors import did_you_mean


def absent(owner: str, name: str, known: Iterable[str]) -> AttributeError:
    """Say that there is no such attribute, and which there are.

    Args:
        owner: What was asked, as authors call it.
        name: The attribute.
        known: Those that exist; private ones are not named.
    """
    public = sorted(each for each in known if not each.startswith("_"))
    return AttributeError(
        f"{owner} has no {name!r}. {did_you_mean(name, public, otherwise='It has ' + ', '.join(public) + '.')}"
    )
