"""CSV as PostgreSQL's COPY writes it ⇄ Parquet, without loss: every bit of a number, NULL apart from empty text."""

import io
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from vpp.store.tables import Column

_TYPES: dict[str, pa.DataType] = {
    "smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64(), "double precision": pa.float64(),
    "boolean": pa.bool_(), "timestamp with time zone": pa.timestamp("us", "UTC"), "date": pa.date32(),
    "double precision[]": pa.list_(pa.float64()),
}  # fmt: skip
"""PostgreSQL's type → Arrow's; all others (text, uuid, jsonb, name) are text."""


def parquet_from_csv(source: Path, target: Path, columns: Sequence[Column]) -> int:
    """Return how many rows there are."""
    schema = pa.schema([(c.name, _TYPES.get(c.type, pa.string())) for c in columns])
    as_read = {c.name: pa.string() if c.type.endswith("[]") else schema.field(c.name).type for c in columns}
    rows = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        reader = pa_csv.open_csv(
            source,
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=as_read, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
                true_values=["t"], false_values=["f"],
            ),
        )  # fmt: skip
        for batch in reader:
            arrays = [_listed(a) if schema.field(n).type == _LIST else a for n, a in enumerate(batch.columns)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            rows += batch.num_rows
    return rows


def csv_from_parquet(source: Path) -> Generator[bytes]:
    """Without a header."""
    options = pa_csv.WriteOptions(include_header=False)
    for batch in pq.ParquetFile(source).iter_batches():
        arrays = [_braced(a) if a.type == _LIST else a for a in batch.columns]
        block = io.BytesIO()
        pa_csv.write_csv(pa.record_batch(arrays, names=batch.schema.names), block, options)
        yield block.getvalue()


def rows_of_parquet(source: Path) -> int:
    return pq.ParquetFile(source).metadata.num_rows


_LIST = pa.list_(pa.float64())


def _listed(texts: Any) -> Any:
    """{1,2.5} → [1, 2.5]"""
    values = (
        None if text is None else [float(cell) for cell in text[1:-1].split(",") if cell] for text in texts.to_pylist()
    )
    return pa.array(list(values), type=_LIST)


def _braced(lists: Any) -> Any:
    values = (None if cells is None else "{" + ",".join(map(repr, cells)) + "}" for cells in lists.to_pylist())
    return pa.array(list(values), type=pa.string())
