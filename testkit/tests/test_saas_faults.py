"""Faults on order, as clients over TLS meet them: each strikes as often as it was ordered, and what it means."""

import http.client
import json
import threading
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
import requests
import urllib3

from penstock_testkit.processes import wait_until
from penstock_testkit.saas import App, HttpAnswer, HttpRequest, Order, RouteTable, plain_http

URL = "https://bank.example"
table = RouteTable()


@table.route("POST /payments", partial=True)
def pay(fake: "Bank", request: HttpRequest) -> HttpAnswer:
    fake.payments.append((len(request.body), request.complete))
    return HttpAnswer.json({"paid": len(fake.payments)})


@table.route("GET /statement")
@table.route("HEAD /statement")
def statement(fake: "Bank", request: HttpRequest) -> HttpAnswer:
    return HttpAnswer.text("0123456789" * 100)


@table.route("GET /feed")
def feed(fake: "Bank", request: HttpRequest) -> HttpAnswer:
    return HttpAnswer(200, {}, iter([b"aaaa", b"bbbb", b"cccc"]))


class Bank(App):
    name = "bank"
    hosts = ("bank.example",)
    tables = (table,)

    def __init__(self):
        super().__init__()
        self.payments = []

    def refusal(self, request, status):
        return HttpAnswer.json({"bank": status, "path": request.path}, status)


@pytest.fixture
def bank(saas):
    return saas.serve(Bank())


@pytest.fixture
def session(bank):
    with requests.Session() as made:
        yield made


def pays(session, **options):
    return session.post(f"{URL}/payments", data=b"100", timeout=60, **options)


def test_too_many_requests_come_as_often_as_ordered_with_the_time_to_wait(bank, session):
    bank.faults.too_many_requests(2, retry_after="7")
    answers = [pays(session) for _ in range(3)]
    assert [each.status_code for each in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert answers[0].json() == {"bank": 429, "path": "/payments"}
    assert len(bank.payments) == 1


def test_a_client_that_retries_gets_through(bank, session):
    bank.faults.too_many_requests(1, retry_after="0")
    bank.faults.server_error(1)
    retries = urllib3.Retry(3, status_forcelist=(429, 503), allowed_methods=None, backoff_factor=0)
    session.mount("https://", requests.adapters.HTTPAdapter(max_retries=retries))
    assert pays(session).json() == {"paid": 1}
    assert [each.answered for each in bank.requests] == [429, 503, 200]


def test_urllib_meets_the_services_own_failure(bank):
    bank.faults.server_error(status=502)
    with pytest.raises(urllib.error.HTTPError) as failed:
        urllib.request.urlopen(f"{URL}/statement", timeout=60)
    with failed.value as answer:
        assert (answer.code, json.load(answer)["bank"]) == (502, 502)


def test_an_expired_token_is_refused_in_the_words_of_the_service(bank, session):
    bank.faults.expired_token()
    assert pays(session).json() == {"bank": 401, "path": "/payments"}
    assert pays(session).ok


def test_a_fault_strikes_the_requests_that_are_meant(bank, session):
    bank.faults.server_error(when="POST /payments")
    bank.faults.server_error(when=lambda request: request.header("X-Tenant") == "b", status=500)
    asked = [session.get(f"{URL}/statement", timeout=60, headers={"X-Tenant": each}) for each in "abb"]
    assert [each.status_code for each in asked] == [200, 500, 200]
    assert pays(session).status_code == 503


def test_a_reset_before_leaves_the_work_undone(bank, session):
    bank.faults.reset_before()
    with pytest.raises(requests.ConnectionError):
        pays(session)
    assert (bank.payments, bank.requests[0].answered) == ([], None)
    assert pays(session).json() == {"paid": 1}


def test_a_reset_after_leaves_the_work_done_and_the_client_without_an_answer(bank, session):
    bank.faults.reset_after()
    with pytest.raises(requests.ConnectionError):
        pays(session)
    assert bank.payments == [(3, True)]
    assert pays(session).json() == {"paid": 2}


def test_a_reset_is_one_of_the_connection_itself(bank):
    bank.faults.reset_before()
    with plain_http(bank) as url, pytest.raises(ConnectionResetError):
        urllib.request.urlopen(f"{url}/statement", timeout=60)


@pytest.mark.parametrize(("path", "after"), [("statement", 0), ("statement", 123), ("feed", 0), ("feed", 6)])
def test_an_answer_is_cut_after_so_many_bytes(bank, session, path, after):
    bank.faults.cut_answer(after)
    answer = session.get(f"{URL}/{path}", timeout=60, stream=True)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        answer.content  # noqa: B018 - it is read here
    assert session.get(f"{URL}/{path}", timeout=60).ok


def test_what_arrived_before_the_cut_can_be_read(bank):
    bank.faults.cut_answer(123)
    with (
        urllib.request.urlopen(f"{URL}/statement", timeout=60) as answer,
        pytest.raises(http.client.IncompleteRead) as cut,
    ):
        answer.read()
    assert len(cut.value.partial) == 123


@pytest.mark.parametrize("data", [b"x" * 100_000, "chunks"])
def test_an_upload_is_cut_after_so_many_bytes_and_the_service_has_what_arrived(bank, session, data):
    bank.faults.cut_upload(70_000)
    body = (b"x" * 10_000 for _ in range(10)) if data == "chunks" else data
    with pytest.raises(requests.ConnectionError):
        session.post(f"{URL}/payments", data=body, timeout=60)
    assert bank.payments == [(70_000, False)]
    assert pays(session).ok


def test_a_client_that_gives_up_within_its_body_leaves_a_part(bank, session):
    def body():
        yield b"x" * 5
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.post(f"{URL}/payments", data=body(), timeout=60)
    session.close()
    wait_until(lambda: bool(bank.payments), otherwise=lambda: "no part came")
    assert bank.payments == [(5, False)]


def test_a_slow_answer_ends_in_the_clients_timeout_and_the_work_is_done(bank, session):
    bank.faults.slow_answer(60, when="POST /payments")
    with pytest.raises(requests.ReadTimeout):
        session.post(f"{URL}/payments", data=b"1", timeout=(20, 0.2))
    wait_until(lambda: bank.payments == [(1, True)], otherwise=lambda: f"paid: {bank.payments}")


def test_a_slow_body_begins_and_ends_in_the_clients_timeout(bank):
    bank.faults.slow_body(400, 60)
    with plain_http(bank) as url:
        link = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        link.request("GET", "/statement")
        answer = link.getresponse()
        assert len(answer.read(400)) == 400
        link.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            answer.read(400)
        link.close()


def test_a_slow_body_arrives_whole(bank, session):
    bank.faults.slow_body(300, 0.001)
    assert len(session.get(f"{URL}/statement", timeout=60).content) == 1000


@pytest.mark.parametrize(("handled", "payments"), [(False, 0), (True, 1)])
def test_a_held_request_waits_for_the_test(bank, session, handled, payments):
    hold = bank.faults.hold(handled=handled)
    answers = []
    client = threading.Thread(target=lambda: answers.append(pays(session)))
    client.start()
    assert hold.reached().path == "/payments"
    assert (len(bank.payments), answers) == (payments, [])
    hold.release()
    client.join(60)
    assert answers[0].json() == {"paid": 1}


def test_a_held_request_that_does_not_come_is_told(bank):
    hold = bank.faults.hold(None)
    with pytest.raises(TimeoutError, match="no request that is to be held came"):
        hold.reached(0.01)


def test_clearing_lets_go_who_is_held(bank, session):
    hold = bank.faults.hold()
    client = threading.Thread(target=pays, args=(session,))
    client.start()
    hold.reached()
    bank.faults.clear()
    client.join(60)
    assert bank.payments == [(3, True)]


def test_clearing_lets_go_who_is_slowed(bank, session):
    bank.faults.slow_answer(600)
    client = threading.Thread(target=pays, args=(session,))
    client.start()
    wait_until(lambda: bool(bank.payments), otherwise=lambda: "no payment came")
    bank.faults.clear()
    client.join(60)
    assert not client.is_alive()


def test_an_order_that_struck_too_rarely_is_a_complaint(bank, session):
    bank.faults.too_many_requests(3)
    bank.faults.cut_upload(1, 1, when="PUT /payments")
    bank.faults.server_error(None, when="PUT /payments")
    pays(session)
    assert bank.complaints() == [
        "bank: too_many_requests was ordered 3 times and struck 1",
        "bank: cut_upload was ordered 1 times and struck 0",
    ]
    bank.forget()


def test_an_order_of_many_threads_strikes_exactly_as_often(bank):
    bank.faults.server_error(10)
    found = []

    def work():
        with requests.Session() as own:
            found.extend(pays(own).status_code for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(found) == [200] * 10 + [503] * 10


def test_faults_of_a_tests_own_change_requests_and_answers(bank, session):
    def doubled(request):
        request.body *= 2
        return lambda answer: HttpAnswer(203, answer.headers, answer.content)

    bank.faults.append(Order(doubled))
    assert pays(session).status_code == 203
    assert bank.payments == [(6, True)]
    assert bank.requests[0].body == b"100"
