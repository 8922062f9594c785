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
