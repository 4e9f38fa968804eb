"""A run as one Parquet table: a row for each sample, with the run and the subject's fingerprint beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.errors import ToolMissing
from harness.results.files import CSV_COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

    from harness.results.models import Run


def write_parquet(run: Run, path: Path) -> None:
    """Columns: ``run``, ``started`` (UTC), ``host``, ``fingerprint`` and those of samples.csv.

    Raises ToolMissing where pyarrow, an optional dependency, is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and slow to import
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        raise ToolMissing(
            "Parquet is written by pyarrow, which is not installed here",
            fix="pip install 'visorbench[parquet]', or --format csv",
        ) from error
    text = pa.dictionary(pa.int32(), pa.string())
    own = {"index": pa.int64(), "time_s": pa.float64(), "value": pa.float64()}
    types = {"run": text, "started": pa.timestamp("us", tz="UTC"), "host": text, "fingerprint": text}
    types |= {name: own.get(name, text) for name in CSV_COLUMNS}
    schema = pa.schema(list(types.items()), metadata={"visorbench": "results schema 1"})
    fingerprints = {subject.id: subject.fingerprint for subject in run.subjects}
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for series in run.series:
            n = series.summary.n
            same = {
                "run": run.id, "started": run.started, "host": run.run.host.fingerprint,
                "fingerprint": fingerprints[series.subject],
                **series.model_dump(include=set(CSV_COLUMNS[:5])),
            }  # fmt: skip
            columns: dict[str, Any] = {name: [value] * n for name, value in same.items()}
            columns |= {
                "index": list(range(n)),
                "time_s": series.times or [None] * n,
                "value": series.samples,
            }
            arrays = [pa.array(columns[name], type=kind) for name, kind in types.items()]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
