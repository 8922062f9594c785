"""An app and a caller with a key that may do everything. Models are imported late: conftest comes before Django."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from apps.accounts.models import App
    from tests.factories.api import ApiCaller


@pytest.fixture
def app(db: None) -> "App":
    from tests.factories import make_app

    return make_app(slug="shop")


@pytest.fixture
def api(app: "App") -> "ApiCaller":
    from tests.factories.api import ApiCaller, make_key

    return ApiCaller(make_key(app))
