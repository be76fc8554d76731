"""`penstock server start` and `penstock server link` refuse what `penstock doctor` and `penstock up` refuse of the settings."""

import pytest

from penstock.errors import ConfigError
from penstock_server.opened import described
from penstock_server.server_settings import options_of

WRONG = {
    "a misspelt key": ('tls_kye = "k.pem"', "server.server takes no argument 'tls_kye'; did you mean 'tls_key'?"),
    "another type": ('port = "80"', "server.server: port must be int, not '80' (str)."),
}


@pytest.mark.parametrize(("line", "told"), WRONG.values(), ids=WRONG)
def test_options_that_the_server_does_not_take_are_refused(tmp_path, monkeypatch, line, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "penstock.toml").write_text(f'[services.server]\ntype = "server.server"\n{line}\n')
    with described() as installation, pytest.raises(ConfigError) as refused:
        options_of(installation)
    assert str(refused.value) == f"The server cannot be so: {told}"
