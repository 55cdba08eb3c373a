"""Chat templates that are known by sight."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.messages import Message
from tampu.templates.known import CHATML, known_template
from tampu.templates.render import render_messages
from tampu.templates.template import parse_template

TURNS = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (TURNS, "chatml"),
        ("{{ '<|im_start|>system\nYou are kind.<|im_end|>\n' }}" + TURNS, "chatml"),
        (TURNS + "{% if tools %}{{ tools }}{% endif %}", None),
        (TURNS + "{{ '<think>' }}", None),
        (TURNS + "{{ '<|endoftext|>' }}", None),
        (TURNS + " " * 1000, None),
        ("{{ messages }}<|im_start|>", None),
        ("{{ '[INST]' + messages[0]['content'] }}", None),
        ("", None),
    ],
)
def test_what_is_known(text, name):
    known = known_template(text)
    assert (known.name if known else None) == name


def test_chatml_is_rendered_as_its_turns():
    prompt = render_messages(parse_template(CHATML.source), [Message("system", "S"), Message("user", "U")])
    assert prompt == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"


@given(st.text())
def test_any_text_is_looked_at(text):
    known_template(text)
