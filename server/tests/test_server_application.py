"""What a terminal is told of a server."""

import re
from datetime import timedelta

from penstock.model.access.permission import Role
from penstock.model.access.principal import everywhere
from penstock.service.access.users import add_user
from penstock_server.server_application import HttpAddress

URL = "http://127.0.0.1:8080"


def test_the_link_of_the_first_admin_is_told_for_its_hour(installation):
    told = HttpAddress(installation, URL)
    assert re.fullmatch(rf"listening on {URL}; the first admin .* at {URL}/welcome#[\w-]{{43}}", told.text())
    installation.clock.advance(timedelta(minutes=59))
    assert "#" in told.text()
    installation.clock.advance(timedelta(minutes=1))
    assert told.text() == (
        f"listening on {URL}; there is no admin yet, and a link that makes one is printed by: penstock server link"
    )
    add_user(installation, "ann", given=everywhere(Role.ADMIN))
    assert told.text() == f"listening on {URL}"
    assert HttpAddress(installation, URL).text() == f"listening on {URL}"
