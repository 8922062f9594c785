"""The samples as the OpenAPI document carries them, and as the page for developers shows them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from apps.api.samples.languages import LANGUAGES, Asked, Language, file_of, written
from apps.api.samples.recipes import RECIPES, Recipe

PAGE = "/v2.1/docs/samples"


@dataclass(frozen=True, slots=True)
class Sample:
    """A recipe in one language. call: method and path, as in the document. file, run: how to try it."""

    recipe: Recipe
    call: str
    source: str
    file: str
    run: str


def add_samples(document: dict[str, Any], *, base: str) -> None:
    """Puts samples and examples beside the calls of an OpenAPI document. base: where the API is, without a path."""
    for recipe in RECIPES:
        operation, asked = _resolved(recipe, document, base)
        sources = operation.setdefault("x-codeSamples", [])
        sources += [
            {
                "lang": language.word,
                "label": f"{language.label}: {recipe.title}",
                "source": written(language, asked),
            }
            for language in LANGUAGES.values()
        ]
        # Swagger's page shows no samples itself, but it shows the description's links.
        operation["description"] += f"\n\n[{recipe.title}, in five languages]({PAGE}#{recipe.name})"
        if recipe.body is not None:
            content = operation["requestBody"]["content"]["application/json"]
            content.setdefault("examples", {})[recipe.name] = {"summary": str(recipe.title), "value": recipe.body}


def samples_in(language: Language, document: Mapping[str, Any], *, base: str) -> Iterator[Sample]:
    """Every recipe in a language."""
    for recipe in RECIPES:
        path, method, _operation = _called(recipe, document)
        _found, asked = _resolved(recipe, document, base)
        file = file_of(language, asked)
        yield Sample(recipe, f"{method.upper()} {path}", written(language, asked), file, language.run.format(file=file))


def _resolved(recipe: Recipe, document: Mapping[str, Any], base: str) -> tuple[dict[str, Any], Asked]:
    """The recipe's operation, and the request to be made."""
    path, method, operation = _called(recipe, document)
    for name, value in recipe.path.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    address = base.rstrip("/") + path + (f"?{urlencode(recipe.query)}" if recipe.query else "")
    headers = [("Content-Type", "application/json")] if recipe.body is not None else []
    headers += [("Idempotency-Key", recipe.idempotency_key)] if recipe.idempotency_key else []
    return operation, Asked(recipe.name, method.upper(), address, headers, recipe.body)


def _called(recipe: Recipe, document: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Path, method and operation. Raises LookupError for an operation that the document does not have."""
    for path, method, operation in _operations(document):
        if operation["operationId"] == recipe.operation:
            return path, method, operation
    raise LookupError(recipe.operation)


def _operations(document: Mapping[str, Any]) -> Iterable[tuple[str, str, dict[str, Any]]]:
    return (
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
