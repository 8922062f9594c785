"""What the columns of a file mean: guessed from their names, chosen by a person, and turned into people. Pure.

A cell becomes what a call would have said, and then the rules of calls judge it: there are no others.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from apps.core.csv import safe_cell
from apps.core.problems import FieldProblem
from apps.core.text import clean_text, shown
from apps.customers.phones import plain_mobile
from apps.customers.services.profile_fields import (
    COLUMNS,
    TOPIC,
    CleanCustomer,
    clean_column,
    clean_external_id,
    clean_topic,
)
from apps.customers.services.vocabulary import NAME_LIMIT, clean_value, clean_values, in_utc, type_of

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
_UNTOLD = object()
MOST_REMEMBERED = 5_000


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
    versions: Mapping[str, int] = field(default_factory=dict)


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


type _Verdict = tuple[Any, list[FieldProblem]]
type _Judge = Callable[[str], _Verdict]


class _Remembered(dict[str, _Verdict]):
    """A judge who is asked once a cell: in most columns a file says the same few things over and over."""

    def __init__(self, judge: _Judge) -> None:
        super().__init__()
        self._judge = judge

    def __missing__(self, cell: str) -> _Verdict:
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        self[cell] = verdict = self._judge(cell)
        return verdict


class RecordReader:
    """Turns records into clean people, column by column as `reading` says. Cost: 7 us for ten columns.

    A verdict is the clean value (_UNTOLD = the cell says nothing) and what is wrong with it. One reader for a whole
    file; what it remembers stays small. The traits of columns are of the types that the start of the run declared, so
    `accept_traits` has nothing to say to them; where a column holds any traits (`asks_vocabulary`) it must be asked.
    """

    def __init__(self, reading: Reading) -> None:
        places = {column.to: index for index, column in enumerate(reading.columns)}
        self._reading = reading
        self._id = places["external_id"]
        self._phone, self._country = places.get("phone"), places.get("country")
        self._traits_index = places.get("traits")
        self.asks_vocabulary = self._traits_index is not None
        self._fields = [
            (index, one.to, self._judge_of(one.to))
            for index, one in enumerate(reading.columns)
            if one.to in COLUMNS and one.to != "phone"
        ]
        self._country_judge = {column: judge for _index, column, judge in self._fields}.get("country")
        self._answers = [
            (index, word, _Remembered(self._answer_judge(word)).__getitem__)
            for index, one in enumerate(reading.columns)
            if (word := _answer_of(one))
        ]
        self._traits = [
            (index, one.name, _Remembered(self._trait_judge(one)).__getitem__)
            for index, one in enumerate(reading.columns)
            if one.to == "trait"
        ]

    def read(self, cells: Sequence[str]) -> CleanCustomer:
        """One record by the rules of profiles."""
        if self._reading.is_mended:
            cells = [cell[1:] if cell.startswith("'") and safe_cell(cell[1:]) == cell else cell for cell in cells]
        clean = CleanCustomer()
        problems, fields = clean.problems, clean.fields
        clean.external_id = clean_external_id(cells[self._id], pointer="/external_id", problems=problems) or ""
        for index, column, judge in self._fields:
            value, wrong = judge(cells[index])
            if wrong:
                problems += wrong
            elif value is not _UNTOLD:
                fields[column] = value
        if self._phone is not None:
            self._read_phone(cells, clean)
        if self._traits or self._traits_index is not None:
            self._read_traits(cells, clean)
        if self._answers:
            self._read_answers(cells, clean)
        return clean

    def _judge_of(self, column: str) -> _Judge:
        empty = [] if column == "topics" else ""

        def judge(cell: str) -> _Verdict:
            cell = cell.strip()
            if not cell:
                return (empty if self._reading.empties_clear else _UNTOLD), []
            problems: list[FieldProblem] = []
            told = _items(cell) if column == "topics" else cell
            return clean_column(column, told, default_country="", problems=problems), problems

        return judge if column == "email" else _Remembered(judge).__getitem__

    def _read_phone(self, cells: Sequence[str], clean: CleanCustomer) -> None:
        """A number without its country's code is one of the person's country."""
        cell = cells[self._phone or 0].strip()
        if not cell:
            if self._reading.empties_clear:
                clean.fields["phone"] = ""
            return
        country = self._reading.default_country
        if self._country is not None and self._country_judge is not None and not cell.startswith("+"):
            own, wrong = self._country_judge(cells[self._country])
            country = country if wrong or own is _UNTOLD else own or country
        number: str | None = plain_mobile(cell, country)  # beyond doubt for nearly all, and half the cost of asking on
        if not number:
            number = clean_column("phone", cell, default_country=country, problems=clean.problems)
        if number is not None:
            clean.fields["phone"] = number

    def _trait_judge(self, column: Column) -> _Judge:
        convert, pointer, reading = _CONVERTERS[column.kind], column.pointer, self._reading

        def judge(cell: str) -> _Verdict:
            cell = cell.strip()
            if not cell:
                return (None if reading.empties_clear else _UNTOLD), []
            problems: list[FieldProblem] = []
            value = clean_value(convert(cell, pointer, problems, reading.time_zone), pointer, problems)
            if column.kind != "date" or problems:
                return value, problems
            if type_of(value) != "date":
                return None, [_no_date(pointer, cell)]
            return in_utc(value), problems

        return judge

    def _read_traits(self, cells: Sequence[str], clean: CleanCustomer) -> None:
        traits: dict[str, Any] = {}
        if self._traits_index is not None and (cell := cells[self._traits_index].strip()):
            traits = clean_values(_from_json(cell, clean.problems), pointer="/traits", problems=clean.problems)
        for index, name, judge in self._traits:
            value, wrong = judge(cells[index])
            if wrong:
                clean.problems += wrong
            elif value is not _UNTOLD:
                traits[name] = value
        clean.traits = traits

    def _answer_judge(self, word: str) -> _Judge:
        def judge(cell: str) -> _Verdict:
            cell = cell.strip()
            problems: list[FieldProblem] = []
            return (_yes_or_no(cell, f"/consent/{word}", problems) if cell else _UNTOLD), problems

        return judge

    def _read_answers(self, cells: Sequence[str], clean: CleanCustomer) -> None:
        clean.wording, clean.versions = self._reading.wording, self._reading.versions
        for index, word, judge in self._answers:
            granted, wrong = judge(cells[index])
            if wrong:
                clean.problems += wrong
            elif granted is not _UNTOLD:
                clean.consent[word] = granted


def _answer_of(column: Column) -> str:
    """The word of a column that holds answers, as a CleanCustomer has it; "" of any other."""
    if column.to in CONSENTS:
        return column.to
    return f"{TOPIC}{column.name}" if column.to == "topic" else ""


def _items(cell: str) -> list[str]:
    return [item for one in _ITEM_MARKS.split(cell) if (item := one.strip())]


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
        problems.append(_no_date(pointer, cell))
        return None
    if len(iso) <= len("2026-02-28"):
        return at.date().isoformat()
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).isoformat()


def _no_date(pointer: str, cell: str) -> FieldProblem:
    return FieldProblem(pointer, "date_format", _("must be a date such as 2026-02-28"), shown(cell))


def _list(cell: str, pointer: str, problems: list[FieldProblem], zone: str) -> Any:
    if cell.startswith("["):
        value = _parsed(cell)
        if isinstance(value, list):
            return value
    return _items(cell)


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
