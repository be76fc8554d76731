"""What the processes of an installation measure with."""

from penstock.metrics.recorder import OFF, PIPE, Recorder
from penstock.settings import Settings


def recorder(settings: Settings) -> Recorder:
    """A recorder for one process; it is off if the settings name no sink."""
    return Recorder(settings.state_folder / PIPE) if settings.metrics_sinks else OFF
