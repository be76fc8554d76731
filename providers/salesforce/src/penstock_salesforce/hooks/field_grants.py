"""Who may read which field, as far as the connection's user may know.

Source: "FieldPermissions" and "PermissionSet" of the Object Reference: a record for each field that a permission set, or the one that
belongs to a profile, lets its users read. From API version 49.0 on, only users with the permission 'View Setup and Configuration' see
them; to others there is no such object.
"""

from penstock.errors import ErrorKind, ProviderError
from penstock_salesforce.hooks.queries import SalesforceQueries

_HIDDEN = (ErrorKind.INVALID, ErrorKind.PERMISSION, ErrorKind.NOT_FOUND)


class SalesforceFieldGrants(SalesforceQueries):
    """Field-level security, read by the hook."""

    def field_grants(self, sobject: str) -> dict[str, list[str]] | None:
        """For each field that is granted to anybody, the permission sets and profiles that let him; None if that is not to be seen.

        Args:
            sobject: The object's API name.
        """
        soql = (
            "SELECT Field, Parent.Label, Parent.IsOwnedByProfile, Parent.Profile.Name FROM FieldPermissions "  # noqa: S608 - SOQL, of an object that was described
            f"WHERE SobjectType = '{sobject}' AND PermissionsRead = true"
        )
        grants: dict[str, list[str]] = {}
        try:
            for each in self.query(soql):
                parent = each["Parent"]
                name = f"profile {parent['Profile']['Name']}" if parent["IsOwnedByProfile"] else str(parent["Label"])
                grants.setdefault(each["Field"].removeprefix(f"{sobject}."), []).append(name)
        except ProviderError as error:
            if error.kind not in _HIDDEN:
                raise
            return None
        return grants
