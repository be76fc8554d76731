"""What was found in peers, by its number: each is tried here. What the walk tries as well is named there by no number."""

import json
import re
from pathlib import Path

import pytest

from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant
from penstock.model.changes import Changes
from penstock.model.run import XCom
from penstock.processes.environ import withheld, without_secrets
from penstock.scheduler.inbox import Inbox
from penstock.service.access.grants import grant
from penstock.service.access.principals import Principals
from penstock.service.access.tokens import create_token
from penstock.service.access.users import add_user, set_disabled, set_password
from penstock.service.operations.table import operations

from .two_teams import HASH, OURS, SECRET, SHARED_ASSET, THEIRS

pytestmark = pytest.mark.xdist_group("two teams")

API = "/api/v1"


def names_like_public_routes(world):
    for path in (
        "variables/configs",
        "variables/x%2Fhealth",
        "dags/health",
        "connections/ready",
        "variables/live",
        "health/live",
        "dags/x/runs/login",
    ):
        assert world.call("nobody")("GET", f"{API}/{path}").status == 401


def streams_without_a_login(world):
    for path in ("/api/v1/events", "/api/events", "/api/v1/logs/search?words=x", "/metrics"):
        assert world.call("nobody")("GET", path, upgrade="websocket").status == 401


def wildcards_for_all(world):
    call = world.call("ours_admin")
    for wild in ("~", "*", "%25", "%2A", "_", "quartz*"):
        for path in (
            f"dags?search={wild}",
            f"runs?dag_id={wild}",
            f"backfills?dag_id={wild}",
            f"dags/{wild}",
            f"state?dag_id={wild}",
        ):
            assert f"{THEIRS}_" not in call("GET", f"{API}/{path}").body.decode()


def nodes_that_are_linked(world):
    call = world.call("ours_admin")
    for path in (f"dags/{OURS}_dag/graph", "assets", f"assets/named?name={SHARED_ASSET}", f"dags/{OURS}_waits"):
        assert THEIRS not in call("GET", f"{API}/{path}").body.decode()


def code_and_what_broke_it(world):
    call = world.call("ours_admin")
    assert THEIRS not in call("GET", f"{API}/import-errors").body.decode()
    assert call("GET", f"{API}/dags/{OURS}_dag/code?file={THEIRS}.py").status == 404


def a_right_on_tasks_is_none_on_logs(world):
    log = f"{API}/dags/{OURS}_dag/runs/{OURS}_run/tasks/{OURS}_extract/log"
    assert world.call("only_logs_read")("GET", log).status == 200
    assert {world.call(f"only_{name}")("GET", log).status for name in ("runs_write", "dags_read", "values_read")} <= {
        403,
        404,
    }


def names_that_begin_alike(world):
    add_user(world.installation, "near")
    for dags in (("amber",), ("amber_da",), ("dag",), ("mber_dag",)):
        grant(world.installation, "near", Grant(Role.ADMIN, dags))
    token = create_token(world.installation, "t", user="near").secret
    assert world.call("nobody")("GET", f"{API}/dags/{OURS}_dag", authorization=f"Bearer {token}").status == 404


def an_event_triggers_dags_of_others(world):
    answer = world.call("ours_operator")("POST", f"{API}/assets/events", {"name": SHARED_ASSET})
    assert (answer.status, THEIRS in answer.body.decode()) == (403, False)


def what_is_there_is_not_made_anew(world):
    call = world.call("ours_operator")
    answer = call("POST", f"{API}/dags/{OURS}_dag/runs", {"run_id": f"{OURS}_run", "conf": {"customer": "mine"}})
    assert (answer.status, answer.json["created"]) == (200, False)
    assert world.installation.store.runs.find(f"{OURS}_dag", f"{OURS}_run").conf == {"customer": f"{OURS} conf"}


def roles_hold_without_the_pages(world):
    assert world.call("ours_viewer")("POST", f"{API}/dags/{OURS}_dag/runs", {}).status == 403


def secrets_of_connections(world):
    for path in ("connections", f"connections/{OURS}_conn"):
        found = world.call("all_admin")("GET", f"{API}/{path}").body.decode()
        assert SECRET not in found
        assert '"password":"***"' in found


def the_audit_is_for_few(world):
    assert {world.call(f"all_{role}")("GET", f"{API}/audit").status for role in ("viewer", "operator", "editor")} == {
        403
    }
    assert world.call("all_admin")("GET", f"{API}/audit").status == 200


def values_are_data(world):
    store, value = world.installation.store, b'{"__class__":"os.system","__data__":["id"],"py/reduce":["exit"]}'
    run = store.runs.find(f"{OURS}_dag", f"{OURS}_run").run
    store.apply(Changes(xcoms=[XCom(run, f"{OURS}_extract", -1, "odd", value)]), world.installation.now())
    path = f"{API}/dags/{OURS}_dag/runs/{OURS}_run/tasks/{OURS}_extract/xcoms?key=odd"
    assert "os.system" in world.call("ours_viewer")("GET", path).body.decode()


def texts_are_no_templates(world):
    call = world.call("ours_editor")
    assert (
        call("PUT", f"{API}/pools/{OURS}_pool", {"slots": 1, "description": "{{ 7 * 7 }} ${7*7} %(x)s {0}"}).status
        == 200
    )
    assert "{{ 7 * 7 }} ${7*7} %(x)s {0}" in call("GET", f"{API}/pools").body.decode()


def a_body_before_the_login(world):
    answer = world.call("nobody")("POST", f"{API}/dags/{OURS}_dag/runs", pieces=[b"x" * 1_000_000] * 8)
    assert answer.status == 401


def signed_in(world, name="all_admin"):
    """The cookie of somebody who has just signed in, as a browser sends it, and what goes with it."""
    made = Principals(world.installation).sign_in(name, "127.0.0.1")
    return {"cookie": f"{world.cookie}={made.secret}", "sec_fetch_site": "same-origin"}


def a_session_outlives_its_end(world):
    call, name = world.call("nobody"), "all_admin"
    ends = (
        lambda cookie: call("POST", "/auth/logout", **cookie),
        lambda _: set_password(world.installation, name, HASH),
        lambda _: grant(world.installation, name, Grant(Role.VIEWER, ("*",))),
        lambda _: set_disabled(world.installation, name, disabled=True),
    )
    for end in ends:
        cookie = signed_in(world)
        assert call("GET", f"{API}/me", **cookie).status == 200
        end(cookie)
        assert call("GET", f"{API}/me", **cookie).status == 401


def a_page_elsewhere_asks_with_the_cookie(world):
    call, path = world.call("nobody"), f"{API}/dags/{OURS}_dag/runs"
    assert [each.name for each in operations() if each.method == "GET" and not each.reads] == []
    cookie = signed_in(world) | {"sec_fetch_site": "cross-site", "origin": "https://evil.example"}
    kinds = (
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    )
    for kind in kinds:
        for sent in (cookie, {name: value for name, value in cookie.items() if name != "sec_fetch_site"}):
            assert call("POST", path, {}, content_type=kind, **sent).status == 403, kind
    assert call("POST", path, {}, cookie=cookie["cookie"]).status == 403, "nothing says that no other page asks"
    for method in ("OPTIONS", "GET"):
        answer = call(method, f"{API}/dags", **cookie, access_control_request_method="POST")
        assert not [each for each in answer.headers if each.startswith("access-control-")]


def answers_are_kept_by_browsers(world):
    for path in ("connections", f"variables/{OURS}_variable", f"dags/{OURS}_dag/code?file={OURS}.py"):
        kept = world.call("all_admin")("GET", f"{API}/{path}").headers["cache-control"]
        assert {"no-store", "private, no-cache"} & {kept}, (path, kept)


def a_page_frames_this_one(world):
    for path in (f"{API}/dags", "/nothing", "/auth/login"):
        assert "frame-ancestors 'none'" in world.call("nobody")("GET", path).headers["content-security-policy"]


def a_text_ends_the_scheduler(world):
    """What is asked for in odd words is taken by the scheduler, or was refused; none of it is put into quarantine."""
    call, store = world.call("all_admin"), world.installation.store
    for number, odd in enumerate(
        ("\x00", "\ud800", "\u202e", "=cmd|'/c calc'!A0", "{{ 7 * 7 }}", "a" * 10_000, "[]", "1e999", "\x1b[2J")
    ):
        conf = {"customer": odd, odd: [odd, 2**70, -0.0]}
        asked = {"run_id": f"odd {number} {odd}", "conf": conf, "why": odd}
        for body in (asked, {"run_id": f"odd{number}", "conf": {"customer": odd}, "why": odd}):
            content = json.dumps(body).encode()
            assert call("POST", f"{API}/dags/{OURS}_dag/runs", content).status in (200, 400, 409, 422), body
    arrivals = list(Inbox(store, lambda _: False).take())
    assert len(arrivals) > 9
    assert [each.fault for each in arrivals if each.fault] == []


def what_tasks_print_holds_secrets_of_the_settings(_world):
    names = (
        "SECRET_KEY",
        "TOKEN",
        "DATABASE__URL",
        "CONN_WAREHOUSE",
        "VAR_API_PASSWORD",
        "SERVICES__SERVER__OIDC__CLIENT_SECRET",
    )
    environ = {f"PENSTOCK_{name}": f"http://ann:{SECRET}@h/" for name in names} | {"HOME": "/home/ann"}
    assert without_secrets(environ) == {"HOME": "/home/ann"}
    assert SECRET in withheld(environ)


FOUND = {
    "CVE-2026-53576, CVE-2026-3514": names_like_public_routes,
    "CVE-2026-7723": streams_without_a_login,
    "CVE-2026-26929": wildcards_for_all,
    "CVE-2026-40963": nodes_that_are_linked,
    "CVE-2026-24098, CVE-2024-27906": code_and_what_broke_it,
    "CVE-2026-22922": a_right_on_tasks_is_none_on_logs,
    "CVE-2026-45426": names_that_begin_alike,
    "CVE-2026-32228": an_event_triggers_dags_of_others,
    "CVE-2025-62503": what_is_there_is_not_made_anew,
    "CVE-2026-22683": roles_hold_without_the_pages,
    "CVE-2025-54831": secrets_of_connections,
    "CVE-2024-26280": the_audit_is_for_few,
    "CVE-2026-25917, CVE-2026-33858": values_are_data,
    "CVE-2024-56373": texts_are_no_templates,
    "CVE-2026-42294": a_body_before_the_login,
    "CVE-2025-57735, CVE-2026-48726, CVE-2024-42447, CVE-2023-40273": a_session_outlives_its_end,
    "CVE-2023-49920, CVE-2024-8183": a_page_elsewhere_asks_with_the_cookie,
    "CVE-2024-25142": answers_are_kept_by_browsers,
    "CVE-2024-45784, CVE-2023-46215, CVE-2023-51702, CVE-2026-31987": what_tasks_print_holds_secrets_of_the_settings,
    "clickjacking": a_page_frames_this_one,
    "CVE-2026-40886": a_text_ends_the_scheduler,
}


@pytest.mark.parametrize("tried", FOUND.values(), ids=FOUND)
def test_what_was_found_in_peers_is_not_here(world, tried):
    tried(world)


def test_examples_put_no_value_into_a_shell_as_in_cve_2025_54550():
    examples = list((Path(__file__).parents[3] / "examples").rglob("*.py"))
    assert examples
    for file in examples:
        assert not re.search(r"bash_command=.*\{\{.*(xcom|params|conf)", file.read_text()), file


ODD = ("'; drop table dag; --", '" or "1"="1', "../../etc/passwd", "\x1b]0;x\x07%")


def test_no_text_of_a_query_is_more_than_a_text_as_in_cve_2026_38428(world, requests):
    wrong = []
    for request in requests[OURS]:
        if request.operation.method == "GET":
            for odd in ODD:
                answer = world.call("all_admin")("GET", request.with_words(odd))
                if answer.status >= 500 and answer.status != 503:
                    wrong.append(f"{request.line} with {odd[:40]!r}: {answer.status}")
    assert wrong == []
    assert len(world.installation.store.dags.rows()) == 8


TRAVERSING = ("..", "..%2f..%2f..%2fetc%2fpasswd", "..%5c..%5cx", "%2fetc%2fpasswd", "%c0%ae%c0%ae")


def test_no_name_of_a_path_leads_elsewhere_as_in_cve_2026_27598_and_ghsa_h7c7_3mfc_m7pj(world, requests):
    folder, wrong = world.installation.settings.root, []
    before = sorted(str(path) for path in folder.rglob("*") if path.suffix not in (".db-wal", ".db-shm"))
    for request in requests[OURS]:
        for name in re.findall(r"\{(\w+)\}", request.operation.path):
            for odd in TRAVERSING:
                answer = world.call("all_admin")(request.operation.method, request.with_name(name, odd), request.body)
                if answer.status >= 500 and answer.status != 503:
                    wrong.append(f"{request.line} with {name} = {odd}: {answer.status}")
                if b"root:" in answer.body:
                    wrong.append(f"{request.line} with {name} = {odd} reads a file")
    after = sorted(str(path) for path in folder.rglob("*") if path.suffix not in (".db-wal", ".db-shm"))
    assert wrong == []
    assert set(before) - set(after) <= {each for each in before if f"{OURS}_" in each}
    assert set(after) <= set(before)
