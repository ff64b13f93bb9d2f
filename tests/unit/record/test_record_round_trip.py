"""Each shared file goes in and comes out with nothing changed, no digit of a number either."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from baybridge.record.intake.importing import batches, file_batch, plan
from baybridge.record.intake.reading import Source
from baybridge.record.store import store
from baybridge.record.store.tables import metadata
from shared_data import SHARED

AT = datetime(2026, 3, 8, 9, tzinfo=UTC)
FOLDERS = ("cart", "synthea", "ips", "mcode", "cibmtr")
FILES = [p for f in FOLDERS for p in sorted((SHARED / f).glob("*.json*")) if p.name != "expected.json"] if SHARED.exists() else []


def texts(data: bytes) -> Any:
    """JSON in which numbers are their text, so that 72.5 and 72.50 differ."""
    return json.loads(data, parse_float=lambda t: ("number", t), parse_int=lambda t: ("number", t))


def without_stamp(resource: Any) -> Any:
    """What a server assigns is not compared."""
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    rest = {k: v for k, v in resource.items() if k != "meta"}
    return {**rest, "meta": meta} if meta else rest


def as_sent(value: Any, urls: dict[str, str]) -> Any:
    """The file's resource with the references that a Bundle resolves."""
    if isinstance(value, dict):
        made = {k: as_sent(v, urls) for k, v in value.items()}
        if isinstance(value.get("reference"), str):
            made["reference"] = urls.get(value["reference"], value["reference"])
        return made
    return [as_sent(v, urls) for v in value] if isinstance(value, list) else value


@pytest.fixture
def connection():
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        yield connection


def take_in(connection, path: Path):
    source = Source(path.name, lambda: path.open("rb"))
    made = plan(connection, source)
    problems, versions = [], []
    for batch in batches(source, made):
        versions += file_batch(connection, source, batch, made, at=AT)
        problems += batch.problems
    return versions, problems


@pytest.mark.skipif(not FILES, reason="shared data is not beside this checkout")
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name[:40]}")
def test_a_file_comes_out_as_it_went_in(connection, path: Path):
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    document = texts(data)
    items = document["entry"] if document["resourceType"] == "Bundle" else [{"resource": document}]
    urls = {
        e["fullUrl"]: f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in items if "fullUrl" in e and e["resource"].get("id")
    }
    versions, problems = take_in(connection, path)
    assert [p for p in problems if p.severity != "odd"] == []
    assert len(versions) == len(items)
    for item in items:
        sent = item["resource"]
        stored = store.get(connection, sent["resourceType"], sent["id"])
        assert without_stamp(texts(stored.body)) == without_stamp(as_sent(sent, urls))


@pytest.mark.skipif(not FILES, reason="shared data is not beside this checkout")
def test_importing_again_files_nothing(connection):
    path = next(p for p in FILES if p.parent.name == "cart")
    first, _ = take_in(connection, path)
    again, _ = take_in(connection, path)
    assert {v.change for v in first} == {"created"}
    assert {v.change for v in again} == {"unchanged"}
    assert all(len(store.history(connection, v.type, v.id)) == 1 for v in again)
