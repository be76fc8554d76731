"""A server that stops answers what waits for it, and leaves no traceback behind."""

import http.client
import logging
import os
import threading

import msgspec

from penstock.model.remote.execution_messages import CONTENT_TYPE, PREFIX, Renewal, RenewalAnswer
from penstock.model.remote.remote_try import WorkerStatus
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken
from penstock_server.http.reach.address import Address, listen
from penstock_server.http.serve import serve

from .conftest import OWNER, encode


def test_a_renewal_that_waits_is_answered_at_once_when_the_server_stops(site, worker, caplog):
    caplog.set_level(logging.ERROR)
    listening, (stop, stopping), ready = listen(Address(port=0)), os.pipe(), threading.Event()
    port = listening.getsockname()[1]
    made = application(site.installation, OwnerToken(OWNER), execution=site.api)
    server = threading.Thread(target=serve, args=(made, listening, stop, ready.set, (site.api,)))
    server.start()
    assert ready.wait(30)
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    message = Renewal(WorkerStatus(worker.name, "celery", ("default",), slots=4), worker.key, wait_s=25.0)
    headers = {"Content-Type": CONTENT_TYPE, "Authorization": f"Bearer {OWNER}"}
    line.request("POST", f"{PREFIX}/renewals", encode(message), headers)
    while not site.api._orders._waiting:
        threading.Event().wait(0.005)
    os.write(stopping, b"x")
    answer = line.getresponse()
    assert answer.status == 200
    assert msgspec.msgpack.decode(answer.read(), type=RenewalAnswer).empty
    line.close()
    server.join(60)
    assert not server.is_alive()
    assert [each.getMessage() for each in caplog.records] == []
    for each in (stop, stopping):
        os.close(each)
