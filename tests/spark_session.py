"""A local Spark for tests, opened once in a process, where pyspark and Java are there; a clear skip where they are not."""

from __future__ import annotations

import importlib.util
import shutil
from functools import cache
from typing import Any

import pytest

MISSING = "Spark is not compared on this machine: `make test` installs pyspark (requirements-spark.lock) and Java 17 where it can"


def has_spark() -> bool:
    """Whether pyspark and a Java are installed."""
    return importlib.util.find_spec("pyspark") is not None and shutil.which("java") is not None


needs_spark = pytest.mark.skipif(not has_spark(), reason=MISSING)


@cache
def spark() -> Any:
    """The session, as the product opens it."""
    from baybridge.rulebook.tables_spark import session

    return session("local[2]")
