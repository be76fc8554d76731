"""What two people change at once: whoever comes second is told, loses nothing that was typed, and decides anew."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]

SAID = "It was changed meanwhile by bert: look again."


@pytest.fixture(scope="module")
def second(project, admin):
    """Changes things as somebody else, after there is one of each."""
    project.ask("PUT", "/pools/shared", slots=2)
    project.ask("PUT", "/variables/shared", value="of before", description="Both change it.")
    mail = {"conn_id": "shared", "conn_type": "smtp", "host": "mail.example", "password": "hunter2"}
    project.ask("PUT", "/connections/shared", connection=mail)
    project.ask("POST", "/users", user="cleo")
    project.ask("POST", "/teams", team="shared")
    project.penstock("users", "add", "bert", "--role", "admin", "--service")
    token = max(project.penstock("tokens", "create", "bert", "changes").split(), key=len)

    def ask(method, path, **body):
        return project.ask(method, path, token=token, **body)

    return ask


def test_a_form_that_comes_second_says_so_keeps_what_was_typed_and_saves_when_it_is_sent_again(
    second, open_page, project, look_well
):
    page = open_page("/installation/pools")
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Change shared").click()
    dialog.get_by_label("Slots").fill("7")
    dialog.get_by_label("Description").fill("written for long")
    second("PUT", "/pools/shared", slots=4, description="of bert")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text(SAID)
    expect(dialog.get_by_role("definition")).to_have_text(["4", "none", "of bert"])
    expect(dialog.get_by_label("Slots")).to_have_value("7")
    expect(dialog.get_by_label("Description")).to_have_value("written for long")
    look_well(page, "meanwhile")
    assert project.ask("GET", "/pools/shared")["slots"] == 4
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    assert project.ask("GET", "/pools/shared")["slots"] == 7

    page.goto(f"{project.url}/installation/variables")
    page.get_by_role("button", name="Change shared").click()
    second("PUT", "/variables/shared", value="of bert")
    dialog.get_by_label("Value").fill("mine")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text(SAID)
    expect(dialog.get_by_label("Value")).to_have_value("mine")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Change shared").click()
    expect(dialog.get_by_label("Value")).to_have_value("of bert")


def test_a_secret_that_somebody_else_has_changed_is_not_overwritten_unseen(second, open_page, project):
    page = open_page("/installation/connections")
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Change shared").click()
    mail = {"conn_id": "shared", "conn_type": "smtp", "host": "mail.example", "password": "hunter3"}
    second("PUT", "/connections/shared", connection=mail)
    dialog.get_by_label("password").fill("mine")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text(SAID)
    expect(dialog.get_by_label("password")).to_have_value("mine")
    expect(page.get_by_text("hunter3")).to_have_count(0)


def test_what_goes_or_stops_is_asked_about_as_it_is_now(second, open_page, project):
    page = open_page("/installation/users?user=cleo")
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Let in no more").click()
    expect(dialog.get_by_role("button", name="Let in no more")).to_be_visible()  # it has looked at the user by now
    second("PUT", "/users/cleo/disabled", disabled=True)
    dialog.get_by_role("button", name="Let in no more").click()
    expect(dialog.get_by_role("alert")).to_contain_text(SAID)
    second("DELETE", "/users/cleo")
    dialog.get_by_role("button", name="Let in no more").click()
    expect(dialog.get_by_role("alert")).to_contain_text("It was deleted meanwhile by bert.")
    expect(page.get_by_role("link", name="cleo")).to_have_count(0)

    page.goto(f"{project.url}/installation/teams?team=shared")
    page.get_by_role("button", name="Delete").click()
    expect(dialog.get_by_role("button", name="Delete")).to_be_visible()
    second("PUT", "/teams/shared/members/bert")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog.get_by_role("alert")).to_contain_text(SAID)
    expect(dialog.get_by_role("definition").last).to_have_text("bert")


def test_a_pause_that_another_has_set_meanwhile_is_not_taken_back_by_whoever_wanted_to_set_it(
    second, open_page, project
):
    page = open_page("/dags/held")
    button = page.get_by_role("button", name="Pause held")
    expect(button).to_be_visible()
    page.route("**/api/v1/dags/held", lambda route: route.abort())  # the page does not hear of it
    second("PUT", "/dags/held/paused", paused=True)
    button.click()
    expect(page.get_by_role("alert").filter(has_text="changed meanwhile by bert")).to_be_visible()
    assert project.ask("GET", "/dags/held/paused") is True
    second("PUT", "/dags/held/paused", paused=False)
