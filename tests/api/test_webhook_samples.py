"""The samples of docs/webhooks.md verify what we send, and nothing else; in each language whose interpreter is here."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apps.api.webhooks.services.signing import new_secret, rotated, signed_headers

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text()
BODY = '{"type":"receipt.opened","data":[{"customer":"Łucja"}]}'
# How each is asked: the sample, then this, fed {secret, headers, body} as JSON on stdin.
ASK: Mapping[str, tuple[list[str], str]] = {
    "python": (
        [sys.executable, "-c"],
        "import json, sys\nasked = json.load(sys.stdin)\n"
        "print(is_ours(asked['secret'], asked['headers'], asked['body'].encode()))",
    ),
    "javascript": (
        ["node", "-e"],
        'const asked = JSON.parse(require("fs").readFileSync(0));\n'
        "console.log(isOurs(asked.secret, asked.headers, Buffer.from(asked.body)));",
    ),
    "php": (
        ["php", "-r"],
        '$asked = json_decode(file_get_contents("php://stdin"), true);\n'
        'echo is_ours($asked["secret"], $asked["headers"], $asked["body"]) ? "true" : "false";',
    ),
}


def says(language: str, secret: str, headers: Mapping[str, str], body: str) -> bool:
    command, ask = ASK[language]
    (sample,) = re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)
    asked = json.dumps({"secret": secret, "headers": dict(headers), "body": body})
    done = subprocess.run([*command, f"{sample}\n{ask}"], input=asked, capture_output=True, text=True, check=True)
    return done.stdout.strip().lower() == "true"


@pytest.mark.parametrize("language", sorted(ASK))
def test_a_sample_tells_ours_from_others(language: str) -> None:
    if shutil.which(ASK[language][0][0]) is None:
        pytest.skip(f"no {language} here")
    now, old, new = datetime.now(UTC), new_secret(), new_secret()
    kept = rotated([{"secret": old, "until": None}], secret=new, now=now)
    headers = signed_headers(message_id="msg_1", body=BODY.encode(), kept=kept, now=now)
    assert says(language, old, headers, BODY)
    assert says(language, new, headers, BODY)
    assert not says(language, new_secret(), headers, BODY)
    assert not says(language, new, headers, BODY.replace("opened", "clicked"))
    late = signed_headers(message_id="msg_1", body=BODY.encode(), kept=kept, now=now - timedelta(minutes=6))
    assert not says(language, new, late, BODY)
