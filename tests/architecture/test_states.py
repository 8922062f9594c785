"""The README of an app shows the state tables that its code has."""

from pathlib import Path

import pytest
from django.apps import apps

from apps.core.state_tables import state_tables
from apps.core.states import StateTable

TABLES = list(state_tables())


@pytest.mark.parametrize(("app", "table"), TABLES, ids=[f"{app}-{table.noun}" for app, table in TABLES])
def test_readme_shows_the_state_table(app: str, table: StateTable) -> None:
    readme = Path(apps.get_app_config(app).path) / "README.md"
    assert table.as_markdown() in readme.read_text()


def test_every_state_can_be_left_or_is_final() -> None:
    for _app, table in TABLES:
        reachable = {word for state in table.states.values() for word in state.then}
        first = table.words[0]
        assert set(table.words) == reachable | {first}, f"{table.noun} has a state nobody can reach"
