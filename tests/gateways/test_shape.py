"""A content encoded by its shape is the content encoded by itself."""

import json
from collections.abc import Callable
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.gateways import apns_payload, fcm_message, webpush_payload
from apps.gateways.contract import Button, PushContent
from apps.gateways.shape import Shapes
from apps.gateways.splice import Template

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
LINKS = st.sampled_from(["", "https://x.test/?a=1&b=%20", "shop://item/1", "https://"])
CONTENTS = st.builds(
    PushContent,
    title=TEXTS,
    body=TEXTS,
    image_url=st.sampled_from(["", "https://x.test/i.png"]),
    link=LINKS,
    data=st.dictionaries(TEXTS, TEXTS, max_size=3),
    buttons=st.sampled_from([(), (Button("a", "A"), Button("b", "B", "https://x.test/b", "https://x.test/i.png"))]),
    badge=st.sampled_from([None, 0, 7]),
    sound=st.sampled_from(["", "ding"]),
    silent=st.booleans(),
    urgency=st.sampled_from(["high", "normal"]),
    collapse_key=st.sampled_from(["", "score", "ż"]),
    android_channel=st.sampled_from(["", "deals"]),
    interruption_level=st.sampled_from(["", "passive"]),
    subtitle=st.sampled_from(["", "S", 'say "ż"']),
    android_icon=st.sampled_from(["", "ic_parcel"]),
    lock_screen=st.sampled_from(["", "secret"]),
)
BUILDERS: list[tuple[Callable[..., Template], tuple[str, ...]]] = [
    (fcm_message.build_template, fcm_message.HOLES),
    (apns_payload.build_template, apns_payload.HOLES),
    (webpush_payload.build_template, webpush_payload.HOLES),
]


@pytest.mark.parametrize(("build", "holes"), BUILDERS)
def test_by_shape_or_by_itself_is_the_same(build: Callable[..., Template], holes: tuple[str, ...]) -> None:
    shapes = Shapes(build, holes)
    values = [b"token", b"address", b"nid", b"name", b"1", b"2"][: len(holes)]

    @settings(max_examples=150, deadline=None)
    @given(CONTENTS)
    def check(content: PushContent) -> None:
        by_shape = json.loads(shapes.encoder()(content).fill(*values))
        assert by_shape == json.loads(build(content).fill(*values))

    check()


def test_contents_that_differ_in_texts_share_a_template() -> None:
    built = []

    def build(content: PushContent, holes: tuple[str, ...]) -> Template:
        built.append(content)
        return apns_payload.build_template(content, holes)

    encode = Shapes(build, apns_payload.HOLES).encoder()  # type: ignore[arg-type]
    for number, link in zip(range(20), cycle(["https://x.test/1", "https://x.test/2"]), strict=False):
        encode(PushContent(f"T{number}", f"B{number}", link=link, data={"user": str(number)}))
    assert len(built) == 1


def test_the_fingerprint_tells_contents_apart() -> None:
    encode = Shapes(apns_payload.build_template, apns_payload.HOLES).encoder()
    one, same, other = PushContent("T", "B"), PushContent("T", "B"), PushContent("T", "C")
    assert encode(one).fingerprint == encode(same).fingerprint != encode(other).fingerprint
    assert encode(one._replace(badge=1)).fingerprint != encode(one).fingerprint
