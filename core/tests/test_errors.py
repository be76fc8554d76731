"""What the exit code of a process says."""

import pytest

from penstock.errors import (
    ConfigError,
    ErrorKind,
    ExitCode,
    InternalError,
    NotFoundError,
    PluginError,
    ProviderError,
    RequestError,
    StoreError,
    StoreHeldError,
    as_sentence,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFoundError("DAG", "x"), 3),
        (RequestError("no"), 4),
        (StoreError("gone"), 5),
        (StoreHeldError("held"), 4),
        (ConfigError("wrong"), 5),
        (InternalError("bug"), 70),
        (PluginError("broken"), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error, code):
    assert ExitCode.of(type(error)) == code


def test_every_exit_code_says_what_it_means():
    assert all(code.meaning for code in ExitCode)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("it is gone", "it is gone."),
        ("It is gone.\n", "It is gone."),
        ("Did you mean 'a'?", "Did you mean 'a'?"),
        (ValueError("Expected `int`."), "Expected `int`."),
        ("", "."),
    ],
)
def test_words_become_a_sentence_with_one_mark_at_its_end(words, sentence):
    assert as_sentence(words) == sentence
    assert as_sentence(words, inside=True) == sentence[:1].lower() + sentence[1:]


def test_an_error_of_a_provider_joins_detail_and_hint_as_sentences():
    error = ProviderError("No such key.", service="s3", operation="Get", kind=ErrorKind.NOT_FOUND, hint="Look.")
    assert str(error) == "s3 Get: No such key. Look."
