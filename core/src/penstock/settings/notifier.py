"""``[notifier]``: the process that tells plugin modules which states have changed."""

import msgspec

from penstock.settings.numbers import Seconds


class NotifierSettings(msgspec.Struct, frozen=True):
    """``[notifier]``: tells plugin modules of providers which states have changed; runs only if there are such modules.

    Attributes:
        timeout_s: Seconds that a plugin module may take for one change; then its process is ended and started again.
    """

    timeout_s: Seconds = 10.0
