"""The samples that check a webhook's signature take what we send, and nothing else; and the guide shows these."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apps.api.samples.languages import LANGUAGES, verification
from apps.api.webhooks.services.signing import new_secret, rotated, signed_headers

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text()
BODY = '{"type":"receipt.opened","data":[{"customer":"Łucja"}]}'


@dataclass(frozen=True, slots=True)
class Case:
    """A request as it came, and the secret it is checked with."""

    secret: str
    headers: Mapping[str, str]
    body: str = BODY

    def as_json(self) -> str:
        return json.dumps({"secret": self.secret, "headers": dict(self.headers), "body": self.body})

    def as_environment(self) -> dict[str, str]:
        names = {"ID": "webhook-id", "TIMESTAMP": "webhook-timestamp", "SIGNATURE": "webhook-signature"}
        return {"SECRET": self.secret, **{name: self.headers[header] for name, header in names.items()}}


# What is put behind a sample so that it reads a Case from its standard input, and says true or false.
ASK = {
    "python": "import json, sys\nasked = json.load(sys.stdin)\n"
    "print(is_ours(asked['secret'], asked['headers'], asked['body'].encode()))",
    "node": 'const asked = JSON.parse(require("fs").readFileSync(0));\n'
    "console.log(isOurs(asked.secret, asked.headers, Buffer.from(asked.body)));",
    "php": '$asked = json_decode(file_get_contents("php://stdin"), true);\n'
    'echo is_ours($asked["secret"], $asked["headers"], $asked["body"]) ? "true" : "false";',
}
RUN = {"python": [sys.executable, "-c"], "node": ["node", "-e"], "php": ["php", "-r"]}
# Java reads no JSON by itself: the headers come from the environment.
JAVA_MAIN = """
    public static void main(String[] arguments) throws Exception {
        var asked = System.getenv();
        var headers = Map.of("webhook-id", asked.get("ID"), "webhook-timestamp", asked.get("TIMESTAMP"),
            "webhook-signature", asked.get("SIGNATURE"));
        System.out.println(isOurs(asked.get("SECRET"), headers, System.in.readAllBytes()));
    }
}
"""


def says(key: str, case: Case, folder: Path) -> bool:
    """What the sample of a language answers."""
    environment, told = {**os.environ, **case.as_environment()}, case.body
    if key == "curl":
        (folder / "body").write_text(case.body)
        command = ["sh", "-c", verification(LANGUAGES["curl"])]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
        return done.stdout == "ours\n"
    if key == "java":
        command = ["java", "-cp", str(folder), "Webhook"]
    else:
        command, told = [*RUN[key], f"{verification(LANGUAGES[key])}\n{ASK[key]}"], case.as_json()
    done = subprocess.run(
        command, input=told, env=environment, capture_output=True, text=True, timeout=60, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().lower() == "true"


def prepare(key: str, folder: Path) -> None:
    """Skip where the language is not here; compile what is compiled."""
    for tool in {"python": [], "java": ["java", "javac"], "curl": ["openssl", "base64", "od"]}.get(key, [key]):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed on this machine")
    if key == "java":
        source = folder / "Webhook.java"
        source.write_text(verification(LANGUAGES["java"]).rstrip().removesuffix("}") + JAVA_MAIN)
        subprocess.run(["javac", "-encoding", "UTF-8", "-d", str(folder), str(source)], check=True, timeout=120)


@pytest.mark.parametrize("key", LANGUAGES)
def test_a_sample_tells_ours_from_others(key: str, tmp_path: Path) -> None:
    prepare(key, tmp_path)
    now, old, new = datetime.now(UTC), new_secret(), new_secret()
    kept = rotated([{"secret": old, "until": None}], secret=new, now=now)
    headers = signed_headers(message_id="msg_1", body=BODY.encode(), kept=kept, now=now)
    assert says(key, Case(old, headers), tmp_path)
    assert says(key, Case(new, headers), tmp_path)
    assert not says(key, Case(new_secret(), headers), tmp_path)
    assert not says(key, Case(new, headers, BODY.replace("opened", "clicked")), tmp_path)
    late = signed_headers(message_id="msg_1", body=BODY.encode(), kept=kept, now=now - timedelta(minutes=6))
    assert not says(key, Case(new, late), tmp_path)


@pytest.mark.parametrize("key", LANGUAGES)
def test_the_guide_shows_the_same_samples(key: str) -> None:
    word = {"curl": "sh", "node": "javascript"}.get(key, key)
    (shown,) = re.findall(rf"```{word}\n(.*?)```", GUIDE, re.DOTALL)
    assert shown == verification(LANGUAGES[key])
