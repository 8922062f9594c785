"""Every code that our source can put into an answer is in the table, with its meaning."""

import ast
from pathlib import Path

import pytest

from apps.api.codes import CODES, as_markdown
from apps.api.services.recipients import VERDICTS

APPS = Path(__file__).resolve().parents[2] / "apps"
# What an API caller never meets: the preflight of credentials, the emulators.
ELSEWHERE = {"gateways", "sandbox"}
# Function -> place of the code among its arguments.
CODE_IS_ARGUMENT = {"FieldProblem": 1, "_problem": 1, "_refuse": 2, "Conflict": 0, "Refusal": 0}


def codes_in(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        place = CODE_IS_ARGUMENT.get(name)
        if place is not None and len(node.args) > place:
            argument = node.args[place]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                found.add(argument.value)
    return found


ROOMS = sorted(path.name for path in APPS.iterdir() if path.is_dir() and path.name not in ELSEWHERE)


@pytest.mark.parametrize("app", ROOMS)
def test_codes_are_in_the_table(app):
    said = {code for path in (APPS / app).rglob("*.py") for code in codes_in(path)}
    assert said - CODES.keys() == set(), "add them to apps/api/codes.py"


def test_every_verdict_but_queued_is_a_code():
    assert set(VERDICTS) - CODES.keys() == {"queued"}


def test_every_code_says_what_it_means():
    assert all(str(code.meaning).endswith(".") for code in CODES.values())


def test_the_readme_shows_the_table():
    assert as_markdown() in (APPS / "api" / "README.md").read_text()
