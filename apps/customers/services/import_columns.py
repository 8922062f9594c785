"""What the columns of a file mean: guessed from their names, chosen by a person, and turned into people. Pure.

A cell becomes what a call would have said, and then the rules of calls judge it: there are no others.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from apps.core.csv import safe_cell
from apps.core.problems import FieldProblem
from apps.core.text import clean_text, shown
from apps.customers.services.profile_fields import COLUMNS, TOPIC, CleanCustomer, clean_told, clean_topic
from apps.customers.services.vocabulary import NAME_LIMIT, clean_value, clean_values

PROFILE = ("external_id", *COLUMNS)
CONSENTS = ("push", "sms")
TARGETS = ("", *PROFILE, *CONSENTS, "topic", "trait", "traits")
MOST_DIGITS = 20
# Behind the columns of a file of refused lines. By them it is known again when it comes back mended, and its cells lose
# the apostrophe that kept spreadsheets from computing them.
REASONS = ("import_line", "import_column", "import_code", "import_problem")
KINDS = ("text", "number", "date", "boolean", "list")

# Names of columns as files have them, letters and digits only. OneSignal's export, Mailchimp's, Salesforce's, ours.
_GUESSES: Mapping[str, str] = {
    "external_id": "externalid externaluserid customerid customer userid id clientid client contactid subscriberkey uid"
    " idklienta kundennummer kundenid",
    "email": "email emailaddress mail adresemail emailadresse",
    "phone": "phone phonenumber mobile mobilephone mobilenumber smsnumber telefon telefonkomorkowy tel handy msisdn",
    "first_name": "firstname first givenname forename imie vorname prenom nombre",
    "last_name": "lastname last surname familyname nazwisko nachname nom apellido",
    "language": "language lang locale jezyk sprache languagecode",
    "time_zone": "timezoneid timezone tz timezonename strefaczasowa zeitzone",
    "country": "country countrycode kraj land pays",
    "topics": "topics topic tematy",
    "push": "pushconsent push pushoptin pushsubscribed zgodapush",
    "sms": "smsconsent sms smsoptin smssubscribed zgodasms",
    "traits": "tags attributes customattributes traits",
}
_TARGET_OF = {word: target for target, words in _GUESSES.items() for word in words.split()}
# Of OneSignal's export: about a device and not about a person.
_DEVICE_COLUMNS = (
    "playerid subscriptionid identifier sessioncount gameversion deviceos devicetype devicemodel adid lastactive"
    " playtime invalididentifier badgecount sdk ip rooted lat lon webauth webp256 notificationtypes testtype createdat"
)
_YES = "yes y true t 1 on tak ja si sí oui subscribed optedin opted_in opted-in granted"
_NO = "no n false f 0 off nie nein non unsubscribed optedout opted_out opted-out denied"
_ANSWERS = {**dict.fromkeys(_YES.split(), True), **dict.fromkeys(_NO.split(), False)}
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?|[+-]?\d{1,3}([ \u00a0\u202f]\d{3})+([.,]\d+)?")
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_ITEM_MARKS = re.compile(r"[;|,]")


@dataclass(frozen=True, slots=True)
class Column:
    """What one column becomes. to: one of TARGETS ("" = not read); name: of a trait or topic; kind: a trait's type."""

    to: str = ""
    name: str = ""
    kind: str = ""

    @property
    def pointer(self) -> str:
        """What the rules say of its cells."""
        return {"trait": f"/traits/{self.name}", "topic": f"/consent/{TOPIC}{self.name}"}.get(
            self.to, f"/consent/{self.to}" if self.to in CONSENTS else f"/{self.to}"
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """How the lines of a run are read."""

    columns: Sequence[Column]
    default_country: str
    time_zone: str
    wording: str
    empties_clear: bool
    is_mended: bool = False


def guess_columns(header: Sequence[str], known_traits: Mapping[str, str]) -> list[Column]:
    """What the names of the columns suggest; what suggests nothing is not read, a known trait keeps its type."""
    taken: set[str] = set()
    columns = []
    for title in header:
        column = _guess(title, known_traits)
        if column.to and (column.pointer in taken):
            column = Column()
        taken.add(column.pointer)
        columns.append(column)
    return columns


def _guess(title: str, known_traits: Mapping[str, str]) -> Column:
    word = re.sub(r"[^a-z0-9]", "", title.lower().translate(_PLAIN))
    if word in _TARGET_OF:
        return Column(_TARGET_OF[word])
    if word in _DEVICE_COLUMNS.split():
        return Column()
    name = title.strip().lower()
    found = next((one for one in (title.strip(), name, name.replace(" ", "_")) if one in known_traits), "")
    return Column("trait", found, known_traits[found]) if found else Column()


_PLAIN = str.maketrans("ąćęłńóśźżäöüéèíáčěřšůžñ", "acelnoszzaoueeiacersuzn")


def problems_of(columns: Sequence[Column], header: Sequence[str], *, wording: str) -> list[FieldProblem]:
    """Why lines cannot be read in this way; pointers are /columns/<index>, /columns or /wording.

    Codes: id_column_missing, mapped_twice, wording_required, and those of names.
    """
    problems: list[FieldProblem] = []
    first: dict[str, int] = {}
    for index, column in enumerate(columns):
        here = f"/columns/{index}"
        if column.to == "trait":
            clean_text(column.name, pointer=here, limit=NAME_LIMIT, problems=problems, is_required=True)
        if column.to == "topic":
            clean_topic(column.name, pointer=here, problems=problems)
        if column.to and first.setdefault(column.pointer, index) != index:
            message = _("“%(title)s” is read into the same already: choose one of the two")
            problems.append(FieldProblem(here, "mapped_twice", message % {"title": header[first[column.pointer]]}))
    if "/external_id" not in first:
        message = _("choose the column that holds each person's id in your own systems; an e-mail address may serve")
        problems.append(FieldProblem("/columns", "id_column_missing", message))
    if any(column.to == "topic" for column in columns) and not wording.strip():
        message = _("a topic's yes needs what people agreed to, word for word")
        problems.append(FieldProblem("/wording", "wording_required", message))
    clean_text(wording, pointer="/wording", limit=500, problems=problems)
    return problems


class RecordReader:
    """Turns records into clean people, column by column as `reading` says. Cost: 12 us for ten columns."""

    def __init__(self, reading: Reading) -> None:
        by_target = {column.to: index for index, column in enumerate(reading.columns)}
        self._reading = reading
        self._id = by_target["external_id"]
        self._traits_index = by_target.get("traits")
        self._fields = [(index, one.to) for index, one in enumerate(reading.columns) if one.to in COLUMNS]
        self._answers = [
            (index, one.to if one.to in CONSENTS else f"{TOPIC}{one.name}")
            for index, one in enumerate(reading.columns)
            if one.to in CONSENTS or one.to == "topic"
        ]
        self._traits = [
            (index, one.name, one.pointer, _CONVERTERS[one.kind])
            for index, one in enumerate(reading.columns)
            if one.to == "trait"
        ]

    def read(self, cells: Sequence[str]) -> CleanCustomer:
        """One record by the rules of profiles; traits wait for the app's vocabulary."""
        reading = self._reading
        if reading.is_mended:
            cells = [cell[1:] if cell.startswith("'") and safe_cell(cell[1:]) == cell else cell for cell in cells]
        told: dict[str, Any] = {}
        for index, column in self._fields:
            cell = cells[index].strip()
            if cell:
                told[column] = _ITEM_MARKS.split(cell) if column == "topics" else cell
            elif reading.empties_clear:
                told[column] = [] if column == "topics" else ""
        if "topics" in told:
            told["topics"] = [topic for one in told["topics"] if (topic := one.strip())]
        clean = clean_told(cells[self._id], told, default_country=reading.default_country)
        if self._traits or self._traits_index is not None:
            self._read_traits(cells, clean)
        if self._answers:
            self._read_answers(cells, clean)
        return clean

    def _read_traits(self, cells: Sequence[str], clean: CleanCustomer) -> None:
        traits: dict[str, Any] = {}
        if self._traits_index is not None and (cell := cells[self._traits_index].strip()):
            traits = clean_values(_from_json(cell, clean.problems), pointer="/traits", problems=clean.problems)
        for index, name, pointer, convert in self._traits:
            cell = cells[index].strip()
            if cell:
                value = convert(cell, pointer, clean.problems, self._reading.time_zone)
                traits[name] = clean_value(value, pointer, clean.problems)
            elif self._reading.empties_clear:
                traits[name] = None
        clean.traits = traits

    def _read_answers(self, cells: Sequence[str], clean: CleanCustomer) -> None:
        clean.wording = self._reading.wording
        for index, word in self._answers:
            cell = cells[index].strip()
            if cell:
                granted = _yes_or_no(cell, f"/consent/{word}", clean.problems)
                if granted is not None:
                    clean.consent[word] = granted


type _Converter = Callable[[str, str, list[FieldProblem], str], Any]


def _text(cell: str, pointer: str, problems: list[FieldProblem], zone: str) -> Any:
    return cell


def _number(cell: str, pointer: str, problems: list[FieldProblem], zone: str) -> Any:
    if not _NUMBER.fullmatch(cell):
        problems.append(FieldProblem(pointer, "type", _("must be a number such as 12.5"), shown(cell)))
        return None
    return _from_digits(re.sub(r"[ \u00a0\u202f]", "", cell).replace(",", "."))


def _from_digits(digits: str) -> int | float:
    """A whole number as such, while it is of a sensible length: the range is judged later."""
    return float(digits) if "." in digits or len(digits) > MOST_DIGITS else int(digits)


def _boolean(cell: str, pointer: str, problems: list[FieldProblem], zone: str) -> Any:
    return _yes_or_no(cell, pointer, problems)


def _date(cell: str, pointer: str, problems: list[FieldProblem], zone: str) -> Any:
    """ISO 8601, also with a blank for the T, or 28.02.2026; a time without an offset is the app's own."""
    day_first = _DAY_FIRST.match(cell)
    iso = (
        f"{day_first[3]}-{int(day_first[2]):02}-{int(day_first[1]):02}{cell[day_first.end() :]}" if day_first else cell
    )
    try:
        at = datetime.fromisoformat(iso)
    except ValueError:
        problems.append(FieldProblem(pointer, "date_format", _("must be a date such as 2026-02-28"), shown(cell)))
        return None
    if len(iso) <= len("2026-02-28"):
        return at.date().isoformat()
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).isoformat()


def _list(cell: str, pointer: str, problems: list[FieldProblem], zone: str) -> Any:
    if cell.startswith("["):
        value = _parsed(cell)
        if isinstance(value, list):
            return value
    return [item for one in _ITEM_MARKS.split(cell) if (item := one.strip())]


_CONVERTERS: Mapping[str, _Converter] = {
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "list": _list,
}


def _yes_or_no(cell: str, pointer: str, problems: list[FieldProblem]) -> bool | None:
    answer = _ANSWERS.get(cell.lower())
    if answer is None:
        problems.append(FieldProblem(pointer, "type", _("must be yes or no"), shown(cell)))
    return answer


def _from_json(cell: str, problems: list[FieldProblem]) -> Mapping[str, Any]:
    value = _parsed(cell)
    if not isinstance(value, Mapping):
        message = _('must be a JSON object such as {"plan": "pro"}')
        problems.append(FieldProblem("/traits", "type", message, shown(cell)))
        return {}
    return value


def _parsed(cell: str) -> Any:
    try:
        return json.loads(cell, parse_int=_from_digits)
    except (ValueError, RecursionError):
        return None
