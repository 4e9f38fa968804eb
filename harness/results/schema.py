"""``python -m harness.results.schema`` regenerates ``fixtures/results.schema.json`` from the models."""

from __future__ import annotations

import json
from pathlib import Path

from harness.host.paths import shipped


def schema_path() -> Path:
    """Where the checked-in schema is."""
    return shipped("fixtures", "results.schema.json")


def schema_text() -> str:
    """The schema as it is checked in: sorted keys, two spaces, a final newline."""
    from harness.results.models import json_schema  # noqa: PLC0415 - pydantic is slow to import

    return json.dumps(json_schema(), indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write the schema."""
    Path(schema_path()).write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
