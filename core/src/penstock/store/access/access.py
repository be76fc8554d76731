"""All that is stored of who may do what, and what says that it has changed."""

from penstock.store.access.answers import KeptAnswers
from penstock.store.access.sessions import Sessions
from penstock.store.access.tokens import Tokens
from penstock.store.access.users import StoredUsers
from penstock.store.sql.database import Database
from penstock.store.transaction import Writer


class Access:
    """The parts of the store that say who may do what.

    Attributes:
        users: Users, teams and grants.
        tokens: Tokens of users.
        sessions: Sessions of browsers, and logins.
        answers: Answers that are kept by key.
        changes: How often this process has changed what somebody may.
    """

    def __init__(self, database: Database, writer: Writer) -> None:
        self.changes = 0
        self.users = StoredUsers(database, writer, self._changed)
        self.tokens = Tokens(database, writer, self._changed)
        self.sessions = Sessions(database, writer, self._changed)
        self.answers = KeptAnswers(database, writer, lambda: self.changes, self._changed)

    def _changed(self) -> None:
        self.changes += 1
