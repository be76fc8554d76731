"""A new user of the server: installed from wheels, started, entered by the link that is printed, and a run that is green."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from http.cookies import SimpleCookie
from urllib.request import Request, urlopen

import pytest

PATIENCE_S = 90.0


def until(found, otherwise):
    end = time.monotonic() + PATIENCE_S
    while not (seen := found()):
        assert time.monotonic() < end, otherwise()
        time.sleep(0.1)  # real processes are waited for, from outside
    return seen


class Browser:
    """What a browser sends, without one."""

    def __init__(self, url):
        self.url, self.cookie = url, ""

    def ask(self, path, body=None):
        headers = {"Sec-Fetch-Site": "same-origin", "Cookie": self.cookie}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        with urlopen(Request(self.url + path, data, headers), timeout=30) as answer:
            for morsel in SimpleCookie(answer.headers.get("Set-Cookie", "")).values():
                self.cookie = f"{morsel.key}={morsel.value}"
            return answer.read()


@pytest.mark.timeout(300)
def test_a_new_user_gets_from_an_empty_folder_to_a_green_run_by_the_link_that_is_printed(tmp_path, workspace_wheels):
    environ = {name: text for name, text in os.environ.items() if not name.startswith(("PENSTOCK_", "VIRTUAL_ENV"))}
    environ["PIP_CONFIG_FILE"] = os.devnull
    subprocess.run([sys.executable, "-m", "uv", "venv", "-q", tmp_path / ".venv"], check=True, env=environ)
    manager = [sys.executable, "-m", "penstock_plugin_manager", "install", "server", "--yes"]
    manager += ["--find-links", str(workspace_wheels), "--env", str(tmp_path / ".venv"), "--project", str(tmp_path)]
    installed = subprocess.run(manager, cwd=tmp_path, env=environ, check=False, capture_output=True, text=True)
    assert installed.returncode == 0, installed.stderr

    penstock = [str(tmp_path / ".venv" / "bin" / "python"), "-m", "penstock"]
    subprocess.run([*penstock, "init"], cwd=tmp_path, env=environ, check=True, capture_output=True)
    with (tmp_path / "penstock.toml").open("a") as settings:
        settings.write('\n[services.server]\ntype = "server.server"\nport = 0\n')  # 8080 is another test's
    with (tmp_path / "up.log").open("wb") as log:
        up = subprocess.Popen([*penstock, "up"], cwd=tmp_path, env=environ, stdout=log, stderr=log)
    try:
        said = (tmp_path / "up.log").read_text
        link = until(lambda: re.search(r"(http://127\.0\.0\.1:\d+)/welcome#([\w-]+)", said()), said)
        browser = Browser(link[1])
        page = browser.ask("/welcome").decode()
        assert all(browser.ask(each) for each in re.findall(r'(?:src|href)="(/[^"]+)"', page)), page
        browser.ask("/auth/first", {"link": link[2], "user": "ann", "password": "four words will do"})
        assert json.loads(browser.ask("/api/v1/me"))["user"] == "ann"
        until(lambda: b'"hello"' in browser.ask("/api/v1/dags"), said)
        browser.ask("/api/v1/dags/hello/runs", {"run_id": "first"})
        until(lambda: b'"state":"success"' in browser.ask("/api/v1/dags/hello/runs/first"), said)
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(PATIENCE_S)
