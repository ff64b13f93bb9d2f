"""Loading all shipped policies, and checking them with every worked case, beside parsing their YAML alone. Goal: at most 1.5 s."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

import yaml

from baybridge.documents.loader import Documents, files, packaged_data
from baybridge.facts.dictionary import Dictionary
from baybridge.rulebook.checking import check_documents
from baybridge.rulebook.library import fact_types, policies_of


def seconds(work: Callable[[], object]) -> float:
    """The median of five."""
    times = []
    for _ in range(5):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return median(times)


def parse() -> None:
    """The YAML alone, by the loader of the product."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for file in files(packaged_data() / "policies"):
        yaml.load(file.read_text("utf-8"), Loader=loader)


def load() -> None:
    """Every policy, parsed and type-checked."""
    documents = Documents()
    library = policies_of(documents, fact_types(documents))
    for name in library.ids():
        library.versions(name)


def check() -> None:
    """Every policy with every worked case."""
    documents = Documents()
    report = check_documents(documents, Dictionary.from_documents(documents.folder("facts"), documents.folder("terms")))
    if report.problems:
        raise SystemExit("\n".join(str(problem) for problem in report.problems))


def main() -> None:
    """Print the times and their ratios."""
    base = seconds(parse)
    for name, work in (("parse the YAML", parse), ("load and type-check", load), ("check, with all worked cases", check)):
        time = seconds(work)
        print(f"{name:32} {time:6.3f} s   x {time / base:5.1f}")


if __name__ == "__main__":
    main()
