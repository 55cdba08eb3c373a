"""No explanation hides what clients would miss: every cheat that came to mind, tried."""

import re
from typing import Any

import pytest

from tests.journeys.agreement import Rule
from tests.journeys.losses import is_loss, worse


@pytest.mark.parametrize(
    ("difference", "is_one"),
    [
        ("message.tool_calls: missing (want [{}])", True),
        ("error: missing (want null)", False),
        ('message.content: want "Hello there", got "Hello"', True),
        ('message.content: want "Hello there", got ""', True),
        ('message.content: want "Hello there", got null', True),
        ('message.content: want "there", got "Hello there, friend"', False),
        ('message.content: want "", got "Hello"', False),
        ('details.parent_model: want "", got null', True),
        ("details.families: want [], got null", True),
        ("data: want null, got []", False),
        ('error: want "no model", got {"message": "no model"}', False),
        ("logprobs: 6 items wanted, got 3", True),
        ("logprobs: 3 items wanted, got 6", False),
        ("usage.total_tokens: want 42, got 15", False),
        ("usage.total_tokens: want 42, got null", True),
        ("done: want false, got true", False),
        ('choices: want [{"index": 0}], got null', True),
        ('shapes.delta: want "a b", got "a b c"', False),
        ('shapes.delta: want "a b", got "a c"', True),
        ("status: want 500, got 400 {}", False),
        ('status: missing (want "completed")', True),
        ('status: want "completed", got "failed"', True),
        ('signature: not in Ollama\'s answer (got "unsigned")', False),
    ],
)
def test_what_is_lost(difference: str, is_one: bool) -> None:
    assert is_loss(difference, wanted_status=200, got_status=200) is is_one


def test_a_refusal_is_one_loss_and_an_error_that_is_none_here_is_none() -> None:
    status, gone = 'status: want 200, got 400 {"error": "x"}', 'response: missing (want "Hello")'
    assert [is_loss(line, wanted_status=200, got_status=400) for line in (status, gone)] == [True, False]
    answered = ("status: want 500, got 200 {}", 'error: missing (want "x")')
    assert not any(is_loss(line, wanted_status=500, got_status=200) for line in answered)


def covers(pattern: str, difference: str, **guards: str) -> bool:
    rule = Rule("A line", ("http/chat",), re.compile(pattern, re.DOTALL), **guards)
    step: dict[str, Any] = {"name": "step", "response": {"status": 200}}
    return rule.covers(step, {"status": 200}, difference)


CHANGED = 'message.content: want "Hello", got "Hi"'


def test_a_loss_needs_a_word_of_what_comes_instead() -> None:
    assert not covers('message.content: want "Hello", got "Hi"', CHANGED)
    assert covers('message.content: want "Hello", got "Hi"', CHANGED, instead="a shorter word")


@pytest.mark.parametrize("pattern", [".*", "message.content: .*", "message.content: want .*", 'message.*, got ".*"'])
def test_a_rule_that_would_hide_an_empty_answer_covers_no_loss(pattern: str) -> None:
    assert not covers(pattern, CHANGED, instead="anything")


def test_a_rule_without_such_a_word_covers_additions_alone() -> None:
    assert covers(".*", 'thinking: not in Ollama\'s answer (got "hm")')
    assert covers(".*", "eval_count: want 4, got 5")
    assert not covers(".*", "eval_count: missing (want 4)")


def test_what_is_worse_is_nothing_in_that_place() -> None:
    assert list(worse(CHANGED)) == [
        'message.content: missing (want "Hello")',
        *(f'message.content: want "Hello", got {nothing}' for nothing in ("null", '""', "[]", "{}")),
    ]
    assert list(worse("eval_count: missing (want 4)")) == []
    assert CHANGED.replace('"Hi"', '""') not in worse(CHANGED.replace('"Hi"', '""'))
