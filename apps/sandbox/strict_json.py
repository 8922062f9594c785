"""JSON as the vendors take it: UTF-8, no NaN, no lone surrogates. What passes can be shown again to anybody."""

import json
from typing import Any, NoReturn


def parse_json(octets: bytes) -> Any:
    """The document. Raises: ValueError."""
    try:
        document = _DECODER.decode(octets.decode())
        if b"\\ud" in octets or b"\\uD" in octets:  # surrogates come in pairs or not at all
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
