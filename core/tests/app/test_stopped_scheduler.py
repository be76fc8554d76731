"""A scheduler that is stopped (SIGSTOP) is told within the promised time, and is well again once it goes on."""

import os
import signal

import pytest

from penstock.app.compose import installation as compose
from penstock.scheduler.heartbeat_file import BEAT_S, SILENT_S
from penstock.service.doctor.finding import Severity
from penstock.service.figures.figures import FigureReader, scheduler_health
from penstock.service.health import check_installation
from penstock.settings import load_settings

from .conftest import processes_running


@pytest.mark.timeout(200)
def test_a_stopped_scheduler_is_told_within_the_promised_time_and_is_well_again_once_it_goes_on(project):
    project.up()
    with compose(load_settings(project.environ, project.folder)) as installation:
        project.until(lambda: project.look(lambda store: store.role.holders()))
        project.until(lambda: not scheduler_health(installation).problem)
        (scheduler,) = processes_running(project, "penstock.app.scheduler")
        os.kill(scheduler, signal.SIGSTOP)
        told = project.until(lambda: (found := scheduler_health(installation)).problem and found)
        assert (told.schedulers, SILENT_S < told.silent_s < SILENT_S + BEAT_S / 2) == (0, True)
        assert f"process {scheduler} on " in told.problem
        assert "has not come round for 2" in told.problem
        assert "penstock_scheduler_up 0.0\n" in FigureReader(installation, 500).text()
        told = [each.detail for each in check_installation(installation) if each.severity is Severity.BAD]
        assert [f"process {scheduler} on " in each for each in told] == [True]
        os.kill(scheduler, signal.SIGCONT)
        assert project.until(lambda: (found := scheduler_health(installation)).schedulers and found).silent_s < BEAT_S
    assert project.down() == 0
