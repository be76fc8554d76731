"""Options of remote executors that nobody could go by are refused when they are read."""

import pytest

from penstock.errors import ConfigError
from penstock.tries.remote.remote_options import read_remote_options


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("doorbell_s", float("nan"), "doorbell_s must be from 1 to 86400"),
        ("worker_lease_s", float("nan"), "worker_lease_s must be from 1 to 86400"),
        ("worker_lease_s", float("inf"), "worker_lease_s must be from 1 to 86400"),
        ("ahead", float("inf"), "ahead must be from 0 to 1000"),
        ("ahead", 1e308, "ahead must be from 0 to 1000"),
        ("slots", -1, "slots must be from 0 to 1000000"),
        ("server", "nonsense", "server must be a URL that begins with https:// or http://, and is 'nonsense'"),
        ("server", "http://host:port", "server must be a URL"),
        ("server", "http://[::1", "server must be a URL"),
        ("start_timeout_s", float("nan"), "start_timeout_s has a number that is not finite"),
        ("image", " ", "image has a text of only white space: write it, or leave it out"),
        ("conn_id", "\t", "conn_id has a text of only white space"),
        ("command", ["penstock", " \n"], "command has a text of only white space"),
        ("pod_labels", {"team": "\t"}, "pod_labels.team has a text of only white space"),
        ("queues", {"gpus": {"GPU": float("inf")}}, "queues has a number that is not finite"),
    ],
)
def test_what_is_no_number_no_url_or_no_text_is_refused(option, value, says):
    with pytest.raises(ConfigError) as refused:
        read_remote_options("far", {option: value})
    assert str(refused.value).startswith("[executors.far]: ")
    assert says in str(refused.value)


def test_all_that_is_wrong_is_told_together_and_what_is_right_is_handed_on():
    with pytest.raises(ConfigError, match=r"doorbell_s must .*; ahead must "):
        read_remote_options("far", {"doorbell_s": 0, "ahead": -1.0})
    pod = {"spec": {"containers": [{"name": "base", "env": [{"name": "SEPARATOR", "value": " "}]}]}}
    assert read_remote_options("far", {"pod_template": pod})[1] == {"pod_template": pod}
    common, own = read_remote_options("far", {"server": "https://penstock.example:8443/x", "most": 3})
    assert (common.server, own) == ("https://penstock.example:8443/x", {"most": 3})
