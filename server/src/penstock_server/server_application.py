"""The application as it is served: an installation, and who is let in."""

from starlette.types import ASGIApp

from penstock.service.access.principals import Principals
from penstock.service.installation import Installation
from penstock_server.access.login import Login
from penstock_server.access.passwords import Passwords
from penstock_server.access.user_authenticator import UserAuthenticator
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken


def server_application(installation: Installation) -> ASGIApp:
    """Make the application, with a new token of the owner; raises OSError if the state folder cannot be written."""
    principals, folder = Principals(installation), installation.settings.state_folder
    authenticator = UserAuthenticator(principals, OwnerToken.of(folder), folder)
    login = Login(installation, principals, authenticator, Passwords())
    return application(installation, authenticator, more=login.routes())
