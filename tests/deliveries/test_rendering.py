"""Texts become contents: what is static, what is substituted, what fails and how."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.deliveries.rendering import RenderFailed, compile_body, is_literal
from apps.deliveries.rendering.language import parse
from apps.deliveries.rendering.text import _slots, compile_text
from apps.gateways.contract import Button

FACTS = {"first_name": "Ada", "city": "New York", "points": 0, "vip": False, "topics": ["a", "b"]}


def test_a_body_without_variables_is_rendered_once():
    compiled = compile_body({"title": "Sale", "body": "Today only"})
    assert compiled.is_static
    assert compiled.render({}) is compiled.render(FACTS)


@given(text=st.text(min_size=1).filter(lambda text: is_literal(text)))
@settings(max_examples=60)
def test_what_is_literal_is_sent_as_written(text):
    assert compile_body({"title": "T", "body": text}).render({}).body == text


@pytest.mark.parametrize(
    "body",
    [
        {"title": "{{ name }}"},
        {"data": {"key": "{% if a %}"}},
        {"buttons": [{"id": "go", "label": "Go", "link": "{{ link }}"}]},
    ],
    ids=["title", "data", "button"],
)
def test_one_variable_anywhere_makes_a_body_no_literal(body):
    assert not is_literal({"title": "Hi", "badge": 1, **body})


def test_facts_and_fallbacks_are_filled_in():
    body = {"title": 'Hi {{ first_name | default: "you" }}', "body": '{{ missing | default: "friend" }}'}
    content = compile_body(body).render(FACTS)
    assert (content.title, content.body) == ("Hi Ada", "friend")


def test_every_field_reaches_the_content():
    body = {
        "title": "T",
        "body": "B",
        "image_url": "https://a.test/b.png",
        "link": "shop://{{ city }}",
        "data": {"k": "{{ first_name }}"},
        "buttons": [
            {"id": "go", "label": "Go {{ first_name }}", "link": "https://a.test", "icon": "https://a.test/i.png"}
        ],
        "badge": 0,
        "sound": "ping.caf",
        "silent": False,
        "urgency": "normal",
        "collapse_key": "c",
        "android_channel": "news",
        "interruption_level": "active",
        "subtitle": "For {{ first_name }}",
        "android_icon": "ic_parcel",
        "lock_screen": "private",
    }
    content = compile_body(body).render(FACTS)
    assert content.link == "shop://New%20York"
    assert content.data == {"k": "Ada"}
    assert content.buttons == (Button("go", "Go Ada", "https://a.test", "https://a.test/i.png"),)
    assert (content.subtitle, content.android_icon, content.lock_screen) == ("For Ada", "ic_parcel", "private")
    assert (content.badge, content.sound, content.urgency) == (0, "ping.caf", "normal")
    assert (content.collapse_key, content.android_channel, content.interruption_level) == ("c", "news", "active")


def test_names_tell_which_facts_are_asked_for_and_which_lack_a_fallback():
    compiled = compile_body(
        {"title": '{{ a }} {{ b | default: "x" }}', "body": "{% if c %}{{ c }}{% endif %}{{ d | upcase }}"}
    )
    assert compiled.names == {"a", "b", "c", "d"}
    assert compiled.bare_names == {"a", "d"}


def test_equal_bodies_are_compiled_once():
    assert compile_body({"title": "x", "body": "y"}) is compile_body({"body": "y", "title": "x"})


def test_a_line_break_in_a_fact_does_not_break_the_title():
    assert compile_body({"title": "Hi {{ n }}", "body": "b"}).render({"n": "A\nB"}).title == "Hi A B"


def test_a_title_that_is_empty_for_this_person_fails_for_this_person():
    compiled = compile_body({"title": "{{ nick }}", "body": "b"})
    with pytest.raises(RenderFailed) as failed:
        compiled.render({"nick": "\u200b "})
    assert failed.value.code == "empty_text"
    assert compiled.render({"nick": "Al"}).title == "Al"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{ 1 | divided_by: 0 }}", "divided_by"),
        (
            "{% for a in topics %}{% for b in topics %}" + "{% for c in topics %}" * 8 + "x" + "{% endfor %}" * 10,
            "limit",
        ),
        ('{{ "aaaaaaaaaa"' + ' | replace: "a", "aaaaaaaaaaaaaaaaaaaa"' * 10 + " }}", "too long"),
        ('{% assign s = "ab" %}' + "{% assign s = s | append: s %}" * 40 + "{{ s }}", "too long"),
        ('{{ "' + "a" * 500 + '" | split: "" | join: "' + "b" * 1000 + '" }}', "too long"),
        ("{{ topics | first: 1, 2, 3 }}", "argument"),
    ],
)
def test_a_text_that_cannot_be_made_fails_its_recipient_with_a_reason(text, why):
    with pytest.raises(RenderFailed, match=why) as failed:
        compile_body({"title": "t {{ x }}", "body": text}).render(FACTS)
    assert failed.value.code == "template_failed"


@pytest.mark.parametrize(
    "text",
    ["{{ a", "{% include 'x' %}", "{{ (1..9) }}", "{{ a._b }}", "{{ a | nothing }}", "{% if " + "a[" * 1500 + " %}"],
)
def test_a_body_that_was_never_checked_fails_each_recipient_and_does_not_raise_otherwise(text):
    with pytest.raises(RenderFailed) as failed:
        compile_body({"title": "t", "body": text}).render(FACTS)
    assert failed.value.code == "template_syntax"


@pytest.mark.parametrize("change", [{"data": ["x"]}, {"buttons": [{"label": "no id"}]}, {"buttons": [5]}])
def test_a_malformed_body_fails_each_recipient_too(change):
    with pytest.raises(RenderFailed) as failed:
        compile_body({"title": "t", "body": "b", **change}).render(FACTS)
    assert failed.value.code == "content_malformed"


def test_liquid_has_no_clock():
    assert compile_body({"title": "t", "body": "{{ now }}{{ today }}x"}).render({}).body == "x"


def test_dates_are_formatted_and_other_texts_left_alone():
    text = compile_text('{{ due | date: "%d.%m.%Y" }} {{ now | date: "%Y" }}{{ city | date: "%Y" }}')
    assert text.render({"due": "2027-03-28T02:30:00Z", "city": "Paris"}) == "28.03.2027 Paris"


@pytest.mark.parametrize("text", ["{{" * 2000, "{%" * 2000, "{{ a | " * 500, "{% if a %}" * 400, "{% raw %}" * 400])
def test_hostile_syntax_is_read_in_bounded_time(text):
    started = time.process_time()
    compile_body({"title": "t", "body": text[:4000]})
    assert time.process_time() - started < 5


# The fast path against Liquid itself: names with and without fallback, values of every JSON type.
_NAMES = st.sampled_from(["first_name", "city", "a", "b?", "imię", "x-y"])
_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(lambda text: "{" not in text)
_FALLBACKS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters='"{}%\\'), max_size=8)
_SPACE = st.sampled_from(["", " ", "\n\t"])
_DASH = st.sampled_from(["", "-"])
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def _slot_sources(draw):
    name, space = draw(_NAMES), draw(_SPACE)
    fallback = draw(st.none() | _FALLBACKS)
    tail = "" if fallback is None else f'{space}|{space}default:{space}"{fallback}"'
    return f"{{{{{draw(_DASH)} {name}{tail} {draw(_DASH)}}}}}"


@settings(max_examples=400, deadline=None)
@given(st.lists(_WORDS | _slot_sources(), max_size=6).map("".join), st.dictionaries(_NAMES, _VALUES, max_size=4))
def test_plain_substitution_says_exactly_what_liquid_says(source, facts):
    template = parse(source)
    assert _slots(template.nodes) is not None
    assert compile_text(source).render(facts) == template.render(facts)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(list("{}%|'\"._-[]()# \nabif1:,")), max_size=40))
def test_no_text_at_all_makes_rendering_raise_anything_but_render_failed(source):
    compiled = compile_body({"title": "t", "body": source})
    with suppress(RenderFailed):
        assert isinstance(compiled.render({"a": 1, "b": "x"}).body, str)


def test_the_slow_path_is_taken_for_what_the_fast_path_cannot_do():
    for source in ["{{ a | default: b }}", "{{ a | upcase }}", "{{ a.b }}", "{% if a %}x{% endif %}", '{{ "x" }}']:
        assert _slots(parse(source).nodes) is None
    assert compile_text("{{ a | default: b }}{{ c.d | upcase }}").render({"b": 1, "c": {"d": "e"}}) == "1E"


def test_a_body_survives_json():
    body = {"title": "{{ a }}", "body": "b", "data": {"k": "v"}}
    assert compile_body(json.loads(json.dumps(body))) is compile_body(body)
