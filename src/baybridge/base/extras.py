"""Extras: what Baybridge can do beyond its core, with packages so large that a site may leave them out.

Main job: `EXTRAS` says what each is for and how large it is; `needed_for(problem)` turns a package that was not found into a sentence with what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True, slots=True)
class Extra:
    """One extra: the name that `pip install 'baybridge[NAME]'` takes, the module that it brings, and its size on Linux (x86-64) in MB, dependencies included."""

    name: str
    module: str
    purpose: str
    megabytes: int

    @property
    def installed(self) -> bool:
        """Whether its module can be imported here."""
        return find_spec(self.module) is not None

    @property
    def remedy(self) -> str:
        """What to type to have it."""
        return f"pip install 'baybridge[{self.name}]'"


#: What is installed without any extra, its packages with it; tests/acceptance/test_first_result.py holds it under 180.
CORE_MEGABYTES = 177

#: Sizes as installed on 2026-11-29, without compiled byte code.
POPULATION = Extra("population", "polars", "policies and money over tables of a population, and tables in the policy lab", 183)
EXTRAS = (
    POPULATION,
    Extra("planning", "scipy", "plans of collections and infusions over centres and plants", 143),
    Extra("ocr", "rapidocr", "values proposed out of documents of a case", 400),
    Extra("postgresql", "psycopg", "a node's database on a PostgreSQL server", 12),
    Extra("spark", "pyspark", "policies over a population on a Spark cluster; needs Java 17", 499),
)


def needed_for(problem: ModuleNotFoundError) -> str | None:
    """What to do about a package that an extra brings; None where the package belongs to none of them."""
    module = (problem.name or "").partition(".")[0]
    extra = next((one for one in EXTRAS if one.module == module), None)
    return None if extra is None else f"This needs the extra “{extra.name}” (about {extra.megabytes} MB), which is not installed here: {extra.remedy}"
