"""Messages are checked and cut so that Slack takes them."""

import pytest

from penstock.errors import ProviderError
from penstock_slack.hooks.limits import escaped, fitting_blocks, fitting_message, shortened


def section(text, kind="plain_text"):
    return {"type": "section", "text": {"type": kind, "text": text}}


@pytest.mark.parametrize(
    "blocks",
    [
        [{"type": "header", "text": {"type": "plain_text", "text": "x" * 500}}],
        [section("x" * 5000)] * 6,
        [section("x")] * 80,
        [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2500}] * 12}],
        [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 12}],
        [{"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "x" * 90}}]}],
        [{"type": "markdown", "text": "x" * 20_000}, {"type": "divider"}],
    ],
)
def test_whatever_is_too_large_is_taken(hook, workspace, blocks):
    hook.post("alerts", blocks=blocks)
    (shown,) = workspace.shown()
    assert shown.fields["text"]


def test_blocks_that_were_left_out_are_counted():
    last = fitting_blocks([section("x")] * 80)[-1]
    assert last["elements"][0]["text"] == "31 blocks more were left out"


def test_what_was_given_is_not_changed():
    given = [section("x" * 5000)]
    fitting_blocks(given)
    assert len(given[0]["text"]["text"]) == 5000


@pytest.mark.parametrize("message", [{}, {"text": ""}, {"blocks": []}, {"text": "", "thread_ts": "1.2"}])
def test_a_message_that_says_nothing_is_refused(message):
    with pytest.raises(ProviderError, match="neither text nor blocks nor attachments") as caught:
        fitting_message(message)
    assert caught.value.kind == "invalid"


@pytest.mark.parametrize("block", ["text", {"text": "x"}, None])
def test_what_is_no_block_is_refused_with_its_place(block):
    with pytest.raises(ProviderError, match=r"blocks\[1\]"):
        fitting_blocks([section("x"), block])


def test_an_escaped_sign_is_not_cut_in_two():
    assert escaped("a<b&c>") == "a&lt;b&amp;c&gt;"
    assert shortened(escaped("aaaa&bbbb"), 8) == "aaaa\u2026"
    assert shortened("short", 5) == "short"
