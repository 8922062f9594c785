"""What the pages of imports take in: a file, and what its columns mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.customers.services.import_columns import KINDS, TARGETS, Column
from apps.customers.services.import_files import MOST_BYTES

TARGET_GROUPS: Sequence[tuple[Any, Sequence[tuple[str, Any]]]] = [
    ("", [("", _("Do not read"))]),
    (
        _("Profile"),
        [
            ("external_id", _("Customer id")),
            ("email", _("E-mail")),
            ("phone", _("Phone")),
            ("first_name", _("First name")),
            ("last_name", _("Last name")),
            ("language", _("Language")),
            ("country", _("Country")),
            ("time_zone", _("Time zone")),
        ],
    ),
    (
        _("What they allow"),
        [
            ("push", _("Push: yes or no")),
            ("sms", _("SMS: yes or no")),
            ("topic", _("One topic: yes or no")),
            ("topics", _("Topics, all in one cell")),
        ],
    ),
    (_("Traits"), [("trait", _("A trait")), ("traits", _("Many traits, as JSON"))]),
]
TARGET_NAMES = {target: name for _group, targets in TARGET_GROUPS for target, name in targets}
KIND_NAMES = [
    ("text", _("text")),
    ("number", _("number")),
    ("date", _("date")),
    ("boolean", _("yes or no")),
    ("list", _("list")),
]
DELIMITER_NAMES = [(",", _("comma ,")), (";", _("semicolon ;")), ("\t", _("tab")), ("|", _("bar |"))]


class UploadForm(forms.Form):
    """A file, and whose people it holds."""

    file = forms.FileField(
        label=_("CSV file"),
        help_text=_("Up to %(limit)d MB. The first line names the columns; every line below is a person.")
        % {"limit": MOST_BYTES // 1_000_000},
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv,text/plain", "class": "hg-input"}),
        error_messages={"required": _("Choose a file."), "empty": _("The file is empty.")},
    )

    def __init__(self, apps: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widget = forms.Select(attrs={"class": "hg-input"})
        self.fields["app"] = forms.ModelChoiceField(apps, label=_("App"), widget=widget, empty_label=None)
        self.order_fields(["app", "file"])


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the form of columns says. known: the subject of a wording of the app that is to be taken, "" = none."""

    columns: list[Column]
    known: str
    wording: str
    empties_clear: bool
    destination: str


def chosen_in(posted: Mapping[str, str], count: int) -> Chosen:
    """Read the form of `count` columns; what nobody could have chosen reads as not chosen."""

    def said(name: str, default: str = "") -> str:
        return posted.get(name, default).replace("\0", "").strip()

    columns = []
    for index in range(count):
        to, kind = said(f"to-{index}"), said(f"kind-{index}", "text")
        name = said(f"name-{index}")[:100] if to in ("trait", "topic") else ""
        columns.append(
            Column(to if to in TARGETS else "", name, (kind if kind in KINDS else "text") if to == "trait" else "")
        )
    return Chosen(columns, said("known"), said("wording"), "empties_clear" in posted, said("destination")[:60])
