"""The samples for developers do what they say: each language's run, as they are shown, against a real web server."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from django.utils import timezone

from apps.accounts.models import App
from apps.api.base import ApiView
from apps.api.models import IdempotencyRecord
from apps.api.samples.document import samples_in
from apps.api.samples.languages import LANGUAGES
from apps.api.samples.literals import JSON, PHP, PYTHON, literal
from apps.api.samples.recipes import RECIPES, Recipe
from apps.api.shapes import read_body
from apps.api.urls import urlpatterns
from apps.campaigns.models import MessageTemplate
from apps.campaigns.services import lifecycle
from apps.customers.models import Customer, Event
from tests.factories import make_app, make_ready_campaign
from tests.factories.api import ApiCaller, make_key
from tests.fixtures_web import environment_of_tests, serving

# What must be there, and how a saved sample is run. php: with the extension that every shop and blog has.
TOOLS = {
    "curl": (["curl"], ["sh", "{file}"]),
    "python": ([], [sys.executable, "{file}"]),
    "php": (["php"], ["php", "{file}"]),
    "java": (["java", "javac"], ["java", "-cp", ".", "{stem}"]),
    "node": (["node"], ["node", "{file}"]),
}


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[str]:
    with serving(environment_of_tests()) as address:
        yield address


def require(key: str) -> None:
    """Skip where the language is not here, saying what is missing."""
    for tool in TOOLS[key][0]:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed on this machine")
    if key == "php" and subprocess.run(["php", "-r", "exit((int) !extension_loaded('curl'));"], check=False).returncode:
        pytest.skip("PHP's curl extension is not installed on this machine")
    if key == "node" and subprocess.run(["node", "-e", "fetch.name"], check=False, capture_output=True).returncode:
        pytest.skip("this Node is older than 18 and has no fetch")


def run_all(key: str, address: str, secret: str, folder: Path) -> list[dict[str, Any]]:
    """The answer of each recipe, in their order."""
    with urlopen(f"{address}/v2.1/schema", timeout=60) as answer:
        document = json.load(answer)
    shown = {one["source"] for path in document["paths"].values() for call in path.values()
             for one in call.get("x-codeSamples", [])}  # fmt: skip
    samples = list(samples_in(LANGUAGES[key], document, base=address))
    assert {sample.source for sample in samples} <= shown, "what is run is what the document shows"
    for sample in samples:
        (folder / sample.file).write_text(sample.source)
    if key == "java":
        compiled = subprocess.run(["javac", *(sample.file for sample in samples)], cwd=folder, check=False, timeout=120)
        assert compiled.returncode == 0
    return [tried(key, folder / sample.file, secret) for sample in samples]


def tried(key: str, file: Path, secret: str) -> dict[str, Any]:
    command = [part.format(file=file.name, stem=file.stem) for part in TOOLS[key][1]]
    environment = {**os.environ, "HELIOGRAPH_KEY": secret}
    done = subprocess.run(command, cwd=file.parent, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (file.name, done.stdout, done.stderr)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def make_world() -> App:
    """What the recipes take for granted: a template, and a campaign that the API triggers."""
    app = make_app(slug="shop")
    text = {"title": "Order {{ order }}", "body": "It is {{ status }}."}
    MessageTemplate.objects.create(app=app, name="Order status", texts={"en": text}, created_at=timezone.now())
    texts = {"en": {"title": "Order {{ order }}", "body": "Thank you."}}
    campaign = make_ready_campaign(app, id=17, timing="api", api_facts=["order"], texts=texts)
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=timezone.now())
    return app


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", LANGUAGES)
def test_the_samples_of_a_language_tell_the_whole_story(key: str, server: str, tmp_path: Path) -> None:
    require(key)
    app = make_world()
    customer, device, events, *pushes, triggered, history = run_all(key, server, make_key(app), tmp_path)
    assert (customer["external_id"], customer["status"]) == ("ada", "created")
    assert Customer.objects.get(external_id="ada").traits == {"plan": "gold"}
    assert device["device_id"]
    assert (events["stored"], events["errors"]) == (2, [])
    assert Event.objects.get(name="order_placed").properties == {"order": "1043", "total": 49.9}
    assert [push["data"][0]["status"] for push in pushes] == ["queued"] * 3
    assert triggered["data"] == [{"customer": "ada", "status": "queued"}]
    assert {one["kind"] for one in history["data"]} == {"transactional", "campaign"}
    assert len(history["data"]) == 4
    sent = {record.key: bytes(record.body_hash).hex() for record in IdempotencyRecord.objects.all()}
    assert {key: sent[key] for key in sent if key.startswith("order")} == hashes_of_pushes()


def hashes_of_pushes() -> dict[str, str]:
    """To the last comma what the recipes say, whatever language wrote it."""
    bodies = {one.idempotency_key: one.body for one in RECIPES if one.operation == "sendPush"}
    return {
        key: hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        for key, body in bodies.items()
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", LANGUAGES)
def test_a_refusal_makes_a_sample_fail_and_say_why(key: str, server: str, tmp_path: Path) -> None:
    require(key)
    with urlopen(f"{server}/v2.1/schema", timeout=60) as answer:
        first = next(samples_in(LANGUAGES[key], json.load(answer), base=server))
    (tmp_path / first.file).write_text(first.source)
    command = [part.format(file=first.file, stem=Path(first.file).stem) for part in TOOLS[key][1]]
    if key == "java":
        subprocess.run(["javac", first.file], cwd=tmp_path, check=True, timeout=120)
    environment = {**os.environ, "HELIOGRAPH_KEY": "hg_live_wrong"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "invalid_api_key" in done.stdout + done.stderr


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_recipe_is_a_call_that_its_shape_takes(recipe: Recipe) -> None:
    calls = [call for one in urlpatterns for call in getattr(view_of(one), "calls", {}).values()]
    (call,) = [call for call in calls if call.name == recipe.operation]
    assert recipe.query.keys() <= call.parameters.keys()
    if recipe.body is not None:
        assert call.body is not None
        read_body(call.body, recipe.body)


def view_of(pattern: Any) -> type[ApiView] | None:
    view: type[ApiView] | None = getattr(pattern.callback, "view_class", None)
    return view


@pytest.mark.parametrize("key", LANGUAGES)
def test_the_page_shows_every_recipe_in_the_language(key: str) -> None:
    page = ApiCaller("").get(f"/v2.1/docs/samples?language={key}").content.decode()
    assert all(f'id="{name}"' in page for name in [*(recipe.name for recipe in RECIPES), "verify-webhook"])
    assert page.count("HELIOGRAPH_KEY") == len(RECIPES) + 1


def test_a_language_that_is_none_is_refused() -> None:
    assert ApiCaller("").get("/v2.1/docs/samples?language=cobol").json()["code"] == "choice"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": "it's \\ $x", "b": [True, None, 1.5]}, ['"it\'s \\\\ $x"', "'it\\'s \\\\ $x'", '"it\'s \\\\ $x"']),
        ({"a": []}, ['"a": []', "'a' => []", '"a": []']),
    ],
    ids=["marks", "empty"],
)
def test_a_literal_holds_what_its_language_could_misread(value: dict[str, Any], shown: Sequence[str]) -> None:
    for style, part in zip((JSON, PHP, PYTHON), shown, strict=True):
        assert part in literal(value, style)
    assert json.loads(literal(value, JSON)) == value
    assert eval(literal(value, PYTHON)) == value
