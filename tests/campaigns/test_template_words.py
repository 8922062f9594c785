"""Texts as a marketer reads them."""

from apps.campaigns.templatetags.campaigns import readable, variable


def test_a_variable_reads_as_a_chip() -> None:
    shown = readable('Hi {{ first_name | default: "you" }}, see {{ city }}')
    assert "First name or “you”" in shown
    assert ">City<" in shown


def test_what_is_typed_never_becomes_markup() -> None:
    shown = readable("""<b>{{ x | default: "<i>" }}</b>""")
    assert "<b>" not in shown
    assert "<i>" not in shown


def test_a_name_of_a_trait_is_written_as_words() -> None:
    assert variable("favourite_category") == "Favourite category"
