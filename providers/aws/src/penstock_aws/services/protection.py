"""The service that protects the ECS task in which Penstock runs."""

import time

from penstock.errors import PenstockError
from penstock.spec.service import ServiceContext
from penstock_aws.hooks.task_protection import TaskProtection

_LONGEST_PROTECTION_MIN = 2880


class EcsProtectionService:
    """Protects the ECS task in which Penstock runs for as long as it has tries, so that no scale-in or deployment ends them.

    The protection is taken at the first look that finds a try, begun anew at half its time, and given up once there was none
    for a while. A try that has begun since the last look is not protected yet: one that is ended then is lost, and tried again.
    It runs out by itself if this service does not live to end it.

    Args:
        expires_min: For how many minutes it is asked each time.
        idle_s: So long after the last try that was seen it is given up.
        poll_s: Seconds between two looks.

    Raises:
        ValueError: An option cannot be right.
        penstock.errors.ProviderError: This is no container of ECS.
    """

    def __init__(self, *, expires_min: int = 60, idle_s: float = 60.0, poll_s: float = 5.0) -> None:
        if not 1 <= expires_min <= _LONGEST_PROTECTION_MIN:
            raise ValueError(f"expires_min is {expires_min}; a protection lasts 1 to {_LONGEST_PROTECTION_MIN} minutes")
        if idle_s < 0 or not 0 < poll_s <= expires_min * 15:
            raise ValueError(f"idle_s is {idle_s:g} and poll_s {poll_s:g}; give 0 or more, and a part of expires_min")
        self.expires_min, self.idle_s, self.poll_s = expires_min, idle_s, poll_s
        self._protection = TaskProtection()
        self._protected_at: float | None = None
        self._busy_at = 0.0

    def run(self, context: ServiceContext) -> None:
        """Look after every interval until told to stop; what ECS refuses is reported, and asked for again."""
        while not context.stopping:
            try:
                tries = context.running_tries()
                self._step(tries, time.monotonic())
            except PenstockError as error:
                context.report(str(error), healthy=False)
            else:
                kept = "protected" if self._protected_at is not None else "not protected"
                context.report(f"{kept}, {tries} tries")
            context.wait(self.poll_s)

    def _step(self, tries: int, now: float) -> None:
        if tries:
            self._busy_at = now
            if self._protected_at is None or now - self._protected_at >= self.expires_min * 30:
                self._protection.protect(self.expires_min)
                self._protected_at = now
        elif self._protected_at is not None and now - self._busy_at >= self.idle_s:
            self._protection.release()
            self._protected_at = None
