"""A site's documents before they are put in force: form, rules, money, and what they do to our rules.

Main job: `check_site(site, commands)`, every problem of a data folder laid over ours; `baybridge check` says them, and a node goes by those that `bar` it.

A problem bars a set of documents where the node could not go by it: a form that does not fit, a policy that cannot be read. A worked case that does not
come out, or a plan of money that does not say everything, is told and bars nothing: money says itself what it cannot compute.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from baybridge.documents.checking import UNKNOWN_DOCUMENT, check_folder, note_problem
from baybridge.documents.kinds import RULES
from baybridge.documents.loader import Documents, files, not_read, packaged_data, read_text
from baybridge.documents.plan import misformed
from baybridge.documents.problems import MISSING, DocumentProblem, PolicyProblems, Problem
from baybridge.documents.sentences import texts_in
from baybridge.documents.source import read_yaml
from baybridge.facts.dictionary import Dictionary
from baybridge.language.texts import Texts
from baybridge.policy.document.reader import load
from baybridge.policy.language.types import FactType
from baybridge.rulebook.checking import check_documents, plan_problems
from baybridge.rulebook.library import fact_types, policies_of
from baybridge.rulebook.references import broken_references
from baybridge.rulebook.site_values import odd_values


@dataclass(frozen=True, slots=True)
class SiteReport:
    """How many documents were looked at, and what is wrong with them."""

    documents: int
    problems: tuple[Problem, ...]
    bars: tuple[Problem, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The report as plain JSON."""
        names = ("file", "line", "column", "field", "found", "code")
        rows = [{name: getattr(one, name) for name in names} | {"expected": "; ".join(filter(None, (one.expected, one.hint)))} for one in self.problems]
        return {"documents": self.documents, "problems": rows}


def check_site(site: Path, commands: Collection[str]) -> SiteReport:
    """Every problem of a site's data folder; `commands` are those that a node knows, of which a pathway names some.

    Where a file has not the form of its kind, everything is told of the others that does not rest on it.
    """
    number, found = check_folder(site)
    wrong = frozenset(Path(problem.file) for problem in found)
    documents = Documents(packaged_data(), site, left_out=wrong)
    folders = {file.relative_to(site).parts[0] for file in wrong if file.is_relative_to(site) and file != site}
    bars, told = {*found, *_misformed_plans(site, wrong)}, set(_unread_files(site))
    try:
        bars.update(broken_references(documents, site, commands, wrong))
        bars.update(odd_values(documents, site, commands, wrong))
        if "facts" not in folders:
            bars.update(_unreadable(documents, site, wrong))
            told.update(_not_as_worked(documents, site, wrong) if folders.isdisjoint({"terms"}) else ())
    except (DocumentProblem, ValueError) as problem:
        if not found:  # else it is told where the files that are wrong now are in order
            bars.add(Problem(str(site / "facts"), 1, 1, "document.problem.wrong_value", "facts that fit each other", str(problem)))
    with suppress(DocumentProblem):
        barred = {(problem.file, problem.field) for problem in bars}
        told.update(problem for problem in _of_plans(documents, site, wrong) if (problem.file, problem.field) not in barred)
    return SiteReport(number, tuple(sorted(bars | told)), tuple(sorted(bars)))


def _unread_files(site: Path) -> Iterator[Problem]:
    """Files that nothing reads, and those without a word."""
    for file in not_read(site):
        yield Problem(str(file), 1, 1, UNKNOWN_DOCUMENT, "a file whose name ends with .yaml or .yml; nothing reads another", file.name, "rename it, or take it away")
    for file in (one for one in files(site) if not one.stat().st_size and one.relative_to(site).parts[0] not in RULES):
        yield Problem(str(file), 1, 1, MISSING, "a document", "an empty file", "write it again, or take the file away")


def _not_as_worked(documents: Documents, site: Path, wrong: Collection[Path]) -> Iterator[Problem]:
    """Worked cases of the site's policies that do not come out."""
    dictionary = Dictionary.from_documents(documents.folder("facts"), documents.folder("terms"))
    for file in (one for one in files(site / "policies") if one not in wrong):
        yield from check_documents(documents, dictionary, file).problems


def _of_plans(documents: Documents, site: Path, wrong: Collection[Path]) -> Iterator[Problem]:
    """What the checker of plans says of the site's own; nothing of one that names a plan whose form is wrong."""
    texts = Texts(documents)
    away = {file.stem for file in wrong}
    for file in (one for one in files(site / "plans") if one not in wrong):
        source = read_yaml(read_text(file), str(file))
        if away.isdisjoint(texts_in(source.document)):
            yield from (*source.problems, *plan_problems(source, documents, texts))


def _misformed_plans(site: Path, wrong: Collection[Path] = ()) -> Iterator[Problem]:
    """What of a document of money has not the form of its shape."""
    for file in (one for one in files(site / "plans") if one not in wrong):
        found: list[Problem] = []
        source = read_yaml(read_text(file), str(file))
        misformed(source.document, partial(note_problem, source, found))
        yield from found


def _unreadable(documents: Documents, site: Path, wrong: Collection[Path] = ()) -> Iterator[Problem]:
    """What of a policy cannot be read; of ours too where the site changed facts."""
    types = fact_types(documents)
    own = [file for file in files(site / "policies") if file not in wrong]
    for file in (*own, *(_ours(documents, types, own) if any(files(site / "facts")) else ())):
        try:
            load(read_text(file), str(file), types)
        except PolicyProblems as found:
            yield from found.problems


def _ours(documents: Documents, types: Mapping[str, FactType], own: Collection[Path]) -> Iterator[Path]:
    library = policies_of(documents, types)
    yield from (file for name in library.ids() for file in library.files(name) if file not in own)
