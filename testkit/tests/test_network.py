import psycopg
import pytest

from penstock_testkit.network import NetworkFaults, network_faults
from penstock_testkit.postgres import PostgresServer


@pytest.fixture
def faults(postgres_server: PostgresServer):
    with network_faults("127.0.0.1", postgres_server.port) as proxy:
        yield proxy


def _connect(proxy: NetworkFaults, **options):
    url = f"postgresql://postgres@{proxy.host}:{proxy.port}/postgres"
    return psycopg.connect(url, autocommit=True, connect_timeout=2, **options)


def test_without_faults_all_bytes_pass_both_ways(faults: NetworkFaults):
    with _connect(faults) as connection:
        assert connection.execute("SELECT repeat('x', 1000000)").fetchone() == ("x" * 1_000_000,)
    assert faults.connections == 1


def test_latency_delays_an_answer(faults: NetworkFaults):
    with _connect(faults) as connection:
        faults.latency(0.3)
        connection.execute("SET statement_timeout = 0")
        before = connection.execute("SELECT clock_timestamp()").fetchone()
        after = connection.execute("SELECT clock_timestamp()").fetchone()
    assert (after[0] - before[0]).total_seconds() >= 0.5


def test_a_reset_breaks_an_open_connection_and_no_new_one(faults: NetworkFaults):
    with _connect(faults) as connection:
        faults.reset()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    _connect(faults).close()


def test_a_refusing_server_comes_back_on_the_same_port(faults: NetworkFaults):
    faults.refuse()
    with pytest.raises(psycopg.OperationalError, match="Connection refused"):
        _connect(faults)
    faults.heal()
    _connect(faults).close()


def test_a_black_hole_ends_in_the_clients_own_timeout(faults: NetworkFaults):
    faults.blackhole()
    with pytest.raises(psycopg.OperationalError, match="timeout"):
        _connect(faults)
    faults.heal()
    _connect(faults).close()


def test_a_connection_is_cut_within_a_result(faults: NetworkFaults):
    with _connect(faults) as connection:
        faults.cut_after(5000)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT repeat('x', 1000000)")
    faults.heal()
    _connect(faults).close()


def test_a_dead_server_behind_the_proxy_looks_dead(faults: NetworkFaults):
    with network_faults("127.0.0.1", 1) as nowhere, pytest.raises(psycopg.OperationalError):
        _connect(nowhere)


def test_a_connection_is_cut_before_a_certain_answer_and_the_server_has_done_its_work(faults: NetworkFaults):
    with _connect(faults) as connection:
        faults.cut_at(b"answer two")
        assert connection.execute("SELECT 'answer one'").fetchone() == ("answer one",)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 'answer two'")
    _connect(faults).close()
