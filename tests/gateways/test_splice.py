"""Templates: encoded once, filled per message, and nothing a content says can open a hole."""

import json

import pytest

from apps.gateways.splice import Template, hole, splice_text


def test_a_filled_template_is_the_payload_with_its_values() -> None:
    template = Template({"a": hole("x"), "b": [f"<{hole('y')}{hole('x')}>"], hole("y"): 1}, ("x", "y"))
    assert json.loads(template.fill(b"1", b"two")) == {"a": "1", "b": ["<two1>"], "two": 1}


@pytest.mark.parametrize("text", ['"', "\\", "\n\x00\x7f", "zażółć 👍", "\u2028", "@@x@@", '","topic":"all'])
def test_a_spliced_text_arrives_as_it_was(text: str) -> None:
    assert json.loads(Template({"a": hole("x")}, ["x"]).fill(splice_text(text))) == {"a": text}


def test_what_utf8_cannot_carry_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        splice_text("\ud800")


def test_the_skeleton_ignores_the_values() -> None:
    one, two = (Template({"a": hole("x"), "b": text}, ["x"]) for text in ("same", "same"))
    one.fill(b"1")
    assert one.skeleton == two.skeleton != Template({"a": hole("x"), "b": "else"}, ["x"]).skeleton
