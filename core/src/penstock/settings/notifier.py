"""``[notifier]``: the process that delivers changes of states to plugin modules."""

import msgspec

from penstock.settings.numbers import Seconds


class NotifierSettings(msgspec.Struct, frozen=True):
    """``[notifier]``: delivers changes of states to the plugin modules of providers; runs only if there are such modules.

    Attributes:
        timeout_s: Seconds that a plugin module may take for one change; then its process is ended and started again.
    """

    timeout_s: Seconds = 10.0
