"""Bad contents and the code each gets (bad-input, D 56-70)."""

import pytest

from apps.deliveries.rendering import analyse, display_warnings
from apps.deliveries.rendering.field_rules import ttl_problems

KNOWN = {"first_name", "city", "topics", "address"}
GOOD = {"title": "Hi {{ first_name }}", "body": "Come to {{ city }}"}


def codes(body, **options):
    return {(problem.pointer, problem.code) for problem in analyse(body, KNOWN, **options)}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("title", None, "required"),
        ("title", "", "required"),
        ("title", " \t ", "required"),
        ("title", "\u200b\u2060", "required"),
        ("body", "\u3164", "required"),
        ("title", "x" * 10_000, "too_long"),
        ("body", "x" * 4001, "too_long"),
        ("title", "a\nb", "newline_not_allowed"),
        ("title", 5, "type"),
        ("body", ["x"], "type"),
        ("body", "a\x00b", "nul_not_allowed"),
        ("body", "a\ud800b", "encoding"),
        ("body", "Hi {{ first_name", "template_syntax"),
        ("body", "{{ {{ city }} }}", "template_syntax"),
        ("body", "{% if city %}x", "template_syntax"),
        ("body", "{{ }}", "template_syntax"),
        ("body", "{{ city | upcse }}", "unknown_filter"),
        ("body", "{% fro x in topics %}", "unknown_tag"),
        ("body", "{{ frist_name }}", "unknown_variable"),
        ("body", "{{ ''.__class__ }}", "expression_not_allowed"),
        ("body", "{{ city.__class__ }}", "expression_not_allowed"),
        ("body", "{{ city['_x'] }}", "expression_not_allowed"),
        ("body", "{% include 'secrets' %}", "expression_not_allowed"),
        ("body", "{% load static %}", "expression_not_allowed"),
        ("body", "{{ user.password }}", "expression_not_allowed"),
        ("body", "{{ settings.SECRET_KEY }}", "expression_not_allowed"),
        ("body", "{% for i in (1..100000000) reversed %}x{% endfor %}", "expression_not_allowed"),
        ("image_url", "http://a.test/b.png", "image_scheme"),
        ("image_url", "javascript:alert(1)", "image_scheme"),
        ("image_url", "https://a.test/b.svg", "image_type"),
        ("image_url", "https:///b.png", "link_invalid"),
        ("image_url", 7, "type"),
        ("link", "javascript:alert(1)", "link_scheme"),
        ("link", "JaVaScRiPt:alert(1)", "link_scheme"),
        ("link", "java\tscript:alert(1)", "link_scheme"),
        ("link", "data:text/html,x", "link_scheme"),
        ("link", "file:///etc/passwd", "link_scheme"),
        ("link", "/cart", "link_scheme"),
        ("link", "cart", "link_scheme"),
        ("link", "other://x", "link_scheme"),
        ("link", "{{ city }}", "link_scheme"),
        ("link", "https://a.test/a b", "link_invalid"),
        ("link", "https://shop.test@evil.test/", "link_invalid"),
        ("link", "https://a.test/" + "x" * 2048, "too_long"),
        ("badge", -1, "range"),
        ("badge", 10**6, "range"),
        ("badge", "abc", "type"),
        ("badge", True, "type"),
        ("badge", 1.5, "type"),
        ("sound", "../x", "format"),
        ("sound", 5, "type"),
        ("silent", "yes", "type"),
        ("urgency", "very", "choice"),
        ("interruption_level", "critical", "critical_not_allowed"),
        ("interruption_level", "loud", "choice"),
        ("subtitle", "two\nlines", "newline_not_allowed"),
        ("subtitle", "{{ x", "template_syntax"),
        ("subtitle", 7, "type"),
        ("android_icon", "Parcel.png", "format"),
        ("lock_screen", "hidden", "choice"),
        ("collapse_key", "a\r\nX: y", "format"),
        ("android_channel", "x" * 65, "format"),
        ("data", ["a"], "type"),
        ("data", {str(n): "x" for n in range(51)}, "too_many"),
        ("buttons", {"id": "x"}, "type"),
        ("buttons", [{"id": str(n), "label": "x"} for n in range(4)], "too_many"),
        ("titel", "x", "unknown_field"),
    ],
)
def test_a_bad_field_gets_its_code(field, value, code):
    assert (f"/{field}", code) in codes({**GOOD, field: value}, link_schemes=["shop"])


@pytest.mark.parametrize("key", ["from", "message_type", "google.x", "gcm.y", "aps", "nid"])
def test_reserved_data_keys_are_refused(key):
    assert codes({**GOOD, "data": {key: "x"}}) == {(f"/data/{key}", "reserved_key")}


def test_data_values_are_texts():
    assert codes({**GOOD, "data": {"a/b": 5}}) == {("/data/a~1b", "type")}


@pytest.mark.parametrize(
    ("button", "pointer", "code"),
    [
        ({"label": "Go"}, "/buttons/1/id", "required"),
        ({"id": "a", "label": "Go"}, "/buttons/1/id", "duplicate"),
        ({"id": "a b", "label": "Go"}, "/buttons/1/id", "format"),
        ({"id": "b", "label": "  "}, "/buttons/1/label", "required"),
        ({"id": "b", "label": "x" * 41}, "/buttons/1/label", "too_long"),
        ({"id": "b", "label": "Go", "link": "javascript:1"}, "/buttons/1/link", "link_scheme"),
        ({"id": "b", "label": "Go", "icon": "x"}, "/buttons/1/icon", "image_scheme"),
        ({"id": "b", "label": "Go", "icon": 7}, "/buttons/1/icon", "type"),
        ({"id": "b", "label": "Go", "colour": "x"}, "/buttons/1/colour", "unknown_field"),
        ("go", "/buttons/1", "type"),
    ],
)
def test_a_bad_button_gets_its_code(button, pointer, code):
    assert codes({**GOOD, "buttons": [{"id": "a", "label": "A"}, button]}) == {(pointer, code)}


def test_good_contents_have_no_problem():
    body = {
        **GOOD,
        "body": '{% for t in topics %}{{ t | upcase }}{% endfor %}{{ address.street }}{{ city | default: "x" }}',
        "image_url": "https://a.test/b.JPG?w=1",
        "link": "shop://cart/{{ city | url_encode }}",
        "buttons": [{"id": "a", "label": "{{ city }}", "link": "https://a.test"}],
        "data": {"k": ""},
        "badge": 0,
        "sound": "default",
        "urgency": "high",
        "interruption_level": "time-sensitive",
    }
    assert analyse(body, KNOWN, link_schemes=["shop", "javascript"]) == []


def test_a_registered_scheme_can_never_be_a_dangerous_one():
    assert codes({**GOOD, "link": "javascript:1"}, link_schemes=["javascript"]) == {("/link", "link_scheme")}


def test_a_silent_push_needs_no_words():
    assert analyse({"silent": True, "data": {"refresh": "1"}}, KNOWN) == []


def test_all_problems_come_at_once():
    found = codes({"title": "", "body": "{{ a }} {{ b | x }}", "badge": -1, "link": "x"})
    assert {code for _pointer, code in found} == {
        "required",
        "unknown_variable",
        "unknown_filter",
        "range",
        "link_scheme",
    }


def test_a_problem_says_where_and_what_was_meant():
    (problem,) = analyse({**GOOD, "body": "Hello\n you {{ frist_name }}"}, KNOWN)
    assert problem.message.startswith("line 2, column 9: ")
    assert "Did you mean first_name?" in problem.message
    (problem,) = analyse({**GOOD, "body": "Hello {{ customer.first_name }}"}, KNOWN)
    assert "'customer' is no trait of your customers. Did you mean {{ first_name }}?" in problem.message


@pytest.mark.parametrize(
    "change", [{"body": "ą" * 3000}, {"body": "x" * 3999}, {"data": {str(n): "x" * 900 for n in range(5)}}]
)
def test_what_no_gateway_would_take_is_told_with_its_size(change):
    problems = analyse({**GOOD, **change}, KNOWN)
    assert {problem.code for problem in problems} == {"payload_too_large"}
    assert all(int(problem.came.split()[0]) > 3993 for problem in problems)


def test_a_text_that_fails_for_everybody_is_refused():
    assert codes({"title": "t", "body": "{{ 1 | divided_by: 0 }}"}) == {("", "template_failed")}
    assert codes({"title": "{% if false %}x{% endif %}", "body": "b"}) == {("", "empty_text")}
    assert codes({"title": "t", "body": "{{ 1 | divided_by: topics }}"}) == set()


@pytest.mark.parametrize("body", [None, "x", ["title"]])
def test_a_body_is_an_object(body):
    assert codes(body) == {("", "type")}


def test_any_variable_will_do_where_the_caller_brings_the_facts():
    assert analyse({**GOOD, "body": "{{ code }}"}, None) == []


@pytest.mark.parametrize(("value", "code"), [(-1, "range"), (29 * 86400, "range"), ("1h", "type"), (True, "type")])
def test_a_bad_ttl_gets_its_code(value, code):
    assert [problem.code for problem in ttl_problems(value, "/ttl_seconds")] == [code]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"title": "x" * 36}, {"title_truncated_ios"}),
        ({"title": "x" * 47}, {"title_truncated_ios", "title_truncated_android"}),
        ({"body": "x" * 172}, {"body_truncated"}),
        ({"body": "a\u202eb"}, {"bidi_control"}),
        ({"title": "a\u200bb"}, {"zero_width"}),
        ({"image_url": "https://a.test/image"}, {"image_type_unknown"}),
        ({"image_url": "cat.jpg"}, set()),
        ({"image_url": "https://a.test/image.webp"}, {"image_type_webp"}),
        ({"title": '{{ a | default: "short" }}'}, set()),
        ({"data": {"k": "x" * 1900, "l": "x" * 900}}, {"payload_near_limit"}),
    ],
)
def test_advice_about_the_display(change, expected):
    assert {warning.code for warning in display_warnings({"title": "t", "body": "b", **change})} == expected


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("Hi {{ first_name", "never closed"),
        ("{{ {{ city }} }}", "inside of brackets"),
        ("{% if city %}x", "write {% endif %}"),
        ("x{% endif %}", "no {% if %} stands before it"),
        ("{{ }}", "nothing stands between"),
        ("{{ city | default: “x” }}", "typographic"),
        ("{{ city | default: 'x }}", "no partner"),
        ("{{ first name }}", "no spaces"),
        ("{{ city | default 'x' }}", "colon"),
    ],
)
def test_a_fault_is_told_in_the_words_of_its_writer(source: str, words: str) -> None:
    (problem,) = analyse({"title": "t", "body": source}, ["city", "first_name"])
    assert words in problem.message
    assert problem.message.startswith("line 1, column ")
