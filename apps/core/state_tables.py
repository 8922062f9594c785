"""All state tables of the house, found by convention: every app's states.py."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

from django.apps import apps

from apps.core.states import StateTable


def state_tables() -> Iterator[tuple[str, StateTable]]:
    """(app label, table) for every StateTable that an installed app declares."""
    for config in apps.get_app_configs():
        name = f"{config.name}.states"
        if config.name.startswith("apps.") and config.label != "core" and find_spec(name):
            for value in vars(import_module(name)).values():
                if isinstance(value, StateTable):
                    yield config.label, value
