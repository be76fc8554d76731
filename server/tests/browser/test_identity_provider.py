"""Somebody signs in by an identity provider, and logs out there, by the buttons of both: no line of this is asked by hand."""

import os
import threading
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from penstock.clock import SystemClock
from penstock.model.connection import Connection
from penstock_server.http.reach.address import Address, listen
from penstock_server.http.serve import serve
from penstock_server.oidc.oidc_settings import read_oidc
from penstock_server.server_application import server_application

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]


@contextmanager
def in_thread(target, *arguments, end):
    thread = threading.Thread(target=target, args=arguments)
    thread.start()
    try:
        yield
    finally:
        end()
        thread.join(30)


@pytest.fixture
def signing_in(ui, installation, fake_provider, monkeypatch):
    """A server, and an identity provider by which its users sign in."""
    monkeypatch.setattr(installation, "clock", SystemClock())  # browsers know no other
    installation.settings.state_folder.mkdir(exist_ok=True)
    installation.store.config.put_connection(
        Connection("idp", "http", password=fake_provider.secret), installation.now()
    )
    listening, (stop, stopping) = listen(Address(port=0)), os.pipe()
    url, ready = Address().url(listening), threading.Event()
    with fake_provider(installation.clock, f"{url}/auth/oidc/company/callback") as provider:
        table = {"issuer": provider.issuer, "client_id": fake_provider.client, "conn_id": "idp", "name": "Acme"}
        made, lasting = server_application(installation, Address(), url, read_oidc({"company": table}))
        with (
            in_thread(provider.serve_forever, 0.01, end=provider.shutdown),
            in_thread(serve, made, listening, stop, ready.set, lasting, end=lambda: os.write(stopping, b"x")),
        ):
            assert ready.wait(30)
            yield url, provider
    os.close(stop)
    os.close(stopping)


def test_a_person_signs_in_by_the_provider_and_logs_out_there(browser, signing_in, look_well):
    url, provider = signing_in
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/dags?tag=daily")
    expect(page.get_by_role("button", name="Sign in with Acme")).to_be_visible()
    look_well(page, "login-by-provider")
    page.get_by_role("button", name="Sign in with Acme").click()
    page.get_by_role("button", name="Sign in as Ann").click()
    page.wait_for_url(f"{url}/dags?tag=daily")
    assert page.evaluate("document.cookie") == "", "no script sees a cookie"
    page.goto(f"{url}/installation/account")
    expect(page.get_by_text("ann", exact=True).first).to_be_visible()

    def pressed(route):
        expect(page.get_by_role("button", name="Log out")).to_be_disabled()
        route.continue_()

    page.route("**/auth/logout", pressed)
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{provider.issuer}/**")
    page.get_by_role("button", name="Log out").click()  # the provider's, which asks
    page.wait_for_url(f"{url}/login")
    assert [each["post_logout_redirect_uri"] for each in provider.left] == [f"{url}/login"]
    page.goto(f"{url}/dags")
    expect(page.get_by_role("button", name="Sign in with Acme")).to_be_visible()

    provider.answers["/.well-known/openid-configuration"] = provider.answers["/authorize"] = (503, {}, "it is away")
    page.get_by_role("button", name="Sign in with Acme").click()
    expect(page.get_by_text("it is away")).to_be_visible()
    page.goto(f"{url}/login")
    expect(page.get_by_label("Password")).to_be_visible()
    context.close()
