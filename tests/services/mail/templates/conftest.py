from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from jobrunner.services.mail.templates import Values


@pytest.fixture
def values() -> Callable[..., Values]:
    """Values for a person with these fields, in the middle of a night in Europe."""

    def make(names: dict[str, str] | None = None, language: str = "en", zone: str = "UTC", **fields: Any) -> Values:
        return Values(
            {"Person": {"name": "Zoë Müller", **fields}},
            now=datetime(2026, 12, 31, 23, 30, tzinfo=UTC),
            language=language,
            zone=zone,
            names=names or {},
        )

    return make
