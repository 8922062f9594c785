"""UTM tags: added to web links without hurting what stands there."""

import pytest

from apps.deliveries.rendering import analyse, compile_body
from apps.deliveries.rendering.links import named_after

TAGS = {"utm_source": "heliograph", "utm_medium": "push", "utm_campaign": "spring sale"}
ADDED = "utm_source=heliograph&utm_medium=push&utm_campaign=spring%20sale"


@pytest.mark.parametrize(
    ("link", "opened"),
    [
        ("https://a.example/x", f"https://a.example/x?{ADDED}"),
        ("https://a.example", f"https://a.example?{ADDED}"),
        ("https://a.example/x?sku=7&q=a%26b", f"https://a.example/x?sku=7&q=a%26b&{ADDED}"),
        ("https://a.example/x?", f"https://a.example/x?{ADDED}"),
        ("https://a.example/x?a=1&", f"https://a.example/x?a=1&{ADDED}"),
        ("https://a.example/x#buy?now", f"https://a.example/x?{ADDED}#buy?now"),
        ("https://a.example/x?a=1#top", f"https://a.example/x?a=1&{ADDED}#top"),
        (
            "https://a.example/?utm_source=mail&x=1",
            "https://a.example/?utm_source=mail&x=1&utm_medium=push&utm_campaign=spring%20sale",
        ),
        ("https://a.example/?my_utm_source=1", f"https://a.example/?my_utm_source=1&{ADDED}"),
        ("shop://cart?x=1", "shop://cart?x=1"),
        ("", ""),
    ],
)
def test_tags_join_what_is_there(link: str, opened: str) -> None:
    assert compile_body({"title": "t", "link": link, "link_tags": TAGS}).render({}).link == opened


def test_a_personal_link_and_buttons_are_tagged_too() -> None:
    button = {"id": "buy", "label": "Buy", "link": "https://a.example/buy"}
    body = {"title": "t", "link": "https://a.example/{{ page }}", "buttons": [button], "link_tags": TAGS}
    content = compile_body(body).render({"page": "New York?x=1#f"})
    assert content.link == f"https://a.example/New%20York?x=1&{ADDED}#f"
    assert content.buttons[0].link == f"https://a.example/buy?{ADDED}"


def test_an_empty_campaign_tag_takes_the_campaigns_name() -> None:
    body = named_after({"title": "t", "link": "https://a.example", "link_tags": {"utm_campaign": ""}}, "Frühling 20 %!")
    assert compile_body(body).render({}).link == "https://a.example?utm_campaign=fr%C3%BChling-20"


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("link_tags", "x", ("/link_tags", "type")),
        ("link_tags", {"utm_term": "x"}, ("/link_tags", "unknown_field")),
        ("link_tags", {"utm_source": 7}, ("/link_tags/utm_source", "type")),
        ("link_tags", {"utm_source": "x" * 101}, ("/link_tags/utm_source", "too_long")),
        ("link_tags", {"utm_source": "a\nb"}, ("/link_tags/utm_source", "too_long")),
        ("counts_clicks", "yes", ("/counts_clicks", "type")),
    ],
)
def test_what_is_no_tag_is_said(field: str, value: object, found: tuple[str, str]) -> None:
    problems = analyse({"title": "t", "body": "b", field: value}, None)
    assert [(problem.pointer, problem.code) for problem in problems] == [found]
