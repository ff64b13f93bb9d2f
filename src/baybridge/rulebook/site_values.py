"""What a site's documents say and cannot mean: a dose in cells instead of millions, a fact in another unit than the rules', a role that nobody has.

Main job: `odd_values(documents, site, commands)`, each value that has the form of its field and cannot be meant, at its file, line and field.

Looked at before a set is put in force and never when an accepted one is read: a node goes on with a set that an older version accepted.
**Units**: in the names of the fields. **Source**: conventions of this project, far beyond anything that is meant; NIST SP 800-63B-4, 3.1.1.2 (passwords).
Elsewhere: names of other documents in `references.py`; the form of a document in `documents/checking.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from baybridge.base.money import CURRENCIES
from baybridge.documents.loader import Documents, files, packaged_data, read_text
from baybridge.documents.problems import WRONG_VALUE, Problem, did_you_mean
from baybridge.documents.source import read_yaml
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.ucum import is_unit
from baybridge.journey.command import Role
from baybridge.record.feeds.code_mapping import is_loinc
from baybridge.record.feeds.csv_feed import COLUMNS
from baybridge.record.feeds.hl7v2 import codec_of
from baybridge.rulebook.references import found_in

Step = str | int
#: A part of a document that cannot be meant: where it stands, what was expected and found, and a hint.
Odd = tuple[tuple[Step, ...], str, str, str]
#: What is expected of a value, and a hint; nothing where it is in order.
Look = Callable[[object], tuple[str, str] | None]
_STATUSES = ("approved", "centre_import", "in_use", "investigational", "named_patient", "none_known", "not_established")
_MOST_NAMED = 20  # of what is known, in one sentence
_ROLES = tuple(role.value for role in Role)


def odd_values(documents: Documents, site: Path, commands: Collection[str], wrong: Collection[Path] = ()) -> Iterator[Problem]:
    """Every value in the files of a site that cannot be meant; files that are `wrong` already are left out."""
    looks = _looks(documents, commands)
    for folder in sorted({row[0] for row in looks} | set(_WHOLE)):
        for file in (one for one in files(site / folder) if one not in wrong):
            source = read_yaml(read_text(file), str(file))
            if isinstance(source.document, Mapping):
                for path, expected, found, hint in _in(looks, folder, source.document, documents):
                    yield source.problem(WRONG_VALUE, path, expected, found[:80], hint)


def _in(looks: Collection[tuple[str, str, tuple[str, ...], Look]], folder: str, document: Mapping[str, object], documents: Documents) -> Iterator[Odd]:
    for at, only, field, look in looks:
        if at != folder or only not in ("", document.get("id")):
            continue
        for path, value in found_in(document, field, ()):
            if value is not None and (told := look(value)) is not None:
                yield path, told[0], _shown(value), told[1]
    if whole := _WHOLE.get(folder):
        yield from whole(document, documents)


def _looks(documents: Documents, commands: Collection[str]) -> tuple[tuple[str, str, tuple[str, ...], Look], ...]:
    """Folder, the document of it where only one has the field, the field (`*` is any entry, `@` its key), and the look at its value."""
    role, units = _one_of(_ROLES, "a role"), Dictionary.from_documents(documents.folder("facts"), documents.folder("terms")).units
    per_kg, total = _at_most(1_000, "millions of cells per kg"), _at_most(100_000, "millions of cells")
    return (
        *(("products", "", ("dose", name), per_kg) for name in ("per_kg_million_min", "per_kg_million_max", "target_per_kg_million")),
        *(("products", "", ("dose", name), total) for name in ("total_million_min", "total_million_max", "target_total_million")),
        ("products", "", ("lymphodepletion", "days_before", "*"), _between(-60, 0, "a day before the infusion, which is day 0, such as -5")),
        ("products", "", ("status", "@"), _one_of([*documents.folder("regions")], "a region")),
        ("products", "", ("status", "*", "status"), _one_of(_STATUSES, "a status")),
        ("products", "", ("list_price", "*", "currency"), _one_of(CURRENCIES, "a currency")),
        ("pathways", "standard", ("steps",), _some("steps")),
        ("pathways", "cold-chain", ("tocilizumab", "interval_h"), _between(1, 168, "1 to 168 hours")),
        ("pathways", "cold-chain", ("tocilizumab", "by_weight"), _from_the_lightest),
        ("pathways", "cold-chain", ("infectious_markers", "markers"), _some("markers")),
        ("pathways", "cold-chain", ("infectious_markers", "markers", "*"), _some("codes, or null, which takes the marker away")),
        ("pathways", "cold-chain", ("infectious_markers", "markers", "*", "*"), _loinc),
        ("access", "people", ("second_factor", "required_for", "*"), role),
        ("access", "people", ("break_glass", "roles", "*"), role),
        ("access", "people", ("purposes", "@"), role),
        ("access", "people", ("confirm_within", "@"), _one_of(["default", *commands], "default, or the name of a command")),
        ("access", "people", ("password_at_least",), _between(8, 64, "8 to 64 characters")),
        *(("access", "people", name, _between(0.25, 744, "a quarter of an hour to 31 days, in hours")) for name in (("session_hours",), ("invitation_hours",))),
        ("access", "people", ("break_glass", "hours"), _between(0.25, 744, "a quarter of an hour to 31 days, in hours")),
        ("feeds", "", ("encoding",), _known_by(lambda text: codec_of(text) or text.lower().replace("-", "") == "utf16", "a character set such as utf-8, GBK or Big5")),
        ("feeds", "", ("zone",), _known_by(_is_zone, "a time zone such as Asia/Hong_Kong")),
        ("feeds", "", ("codes", "*", "loinc"), _loinc),
        ("feeds", "", ("codes", "*", "unit"), _known_by(lambda text: is_unit(text) or units.readings(text), "a unit that is read here, such as mg/dL or 10*9/L")),
        *(("feeds", "", (name, "@"), _one_of(COLUMNS, "what a column holds")) for name in ("columns", "times", "words")),
    )


def _at_most(most: float, unit: str) -> Look:
    return lambda value: (f"at most {most} {unit}", f"write it in {unit}: 2 stands for 2,000,000") if _number(value) > most else None


def _between(least: float, most: float, words: str) -> Look:
    return lambda value: None if least <= _number(value) <= most else (words, "")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _one_of(known: Collection[str], what: str) -> Look:
    named = f"{what}: one of {', '.join(known)}" if len(known) <= _MOST_NAMED else what
    return lambda value: None if str(value) in known else (named, did_you_mean(str(value), known))


def _some(what: str) -> Look:
    return lambda value: None if value else (f"some {what}", "")


def _known_by(knows: Callable[[str], object], what: str) -> Look:
    return lambda value: None if knows(str(value)) else (what, "")


def _is_zone(text: str) -> bool:
    try:
        return bool(ZoneInfo(text))
    except (KeyError, ValueError, OSError):
        return False


def _loinc(value: object) -> tuple[str, str] | None:
    return None if is_loinc(str(value)) else ("a LOINC code with its check digit, such as 718-7", "")


def _from_the_lightest(bands: object) -> tuple[str, str] | None:
    weights = [_number(band.get("from_kg")) for band in bands if isinstance(band, Mapping)] if isinstance(bands, list) else []
    return None if 0 in weights else ("a band with from_kg 0, so that every weight has a dose", "")


def _shown(value: object) -> str:
    return str(value) if not isinstance(value, list | Mapping) else f"{len(value)} of them" if value else "none"


def _of_facts(document: Mapping[str, object], _documents: Documents) -> Iterator[Odd]:
    """A fact of ours in another unit, by which each rule would be wrong; a plausible range that holds no value."""
    ours = Documents(packaged_data()).folder("facts")
    for name, fact in document.items():
        if not isinstance(fact, Mapping):
            continue
        known, plausible = ours.get(name), fact.get("plausible")
        unit = fact.get("unit")
        if isinstance(known, Mapping) and "unit" in fact and unit != known.get("unit") and (unit is None or is_unit(str(unit))):
            hint = "rules are written for it; what comes in another unit is converted, or say how under conversions"
            yield (name, "unit"), f"the unit of {name}, {known.get('unit') or 'none'}", str(unit or "none"), hint
        if isinstance(plausible, list) and len(plausible) == 2 and _number(plausible[0]) >= _number(plausible[1]):
            yield (name, "plausible"), "the lowest plausible value, then the highest", f"{plausible[0]}, {plausible[1]}", ""


def _of_calendars(document: Mapping[str, object], _documents: Documents) -> Iterator[Odd]:
    """A day on which a region both rests and works."""
    for path, calendar in found_in(document, ("jurisdictions", "*"), ()):
        if isinstance(calendar, Mapping):
            rests = {str(day) for day in calendar.get("holidays") or ()}
            for place, day in enumerate(calendar.get("make_up_days") or ()):
                if str(day) in rests:
                    yield (*path, "make_up_days", place), "a working day that is no holiday of the same region", str(day), ""


def _of_feeds(document: Mapping[str, object], _documents: Documents) -> Iterator[Odd]:
    """One heading for two columns; a comma that is both decimal mark and delimiter."""
    columns = document.get("columns")
    seen: dict[str, str] = {}
    for name, heading in columns.items() if isinstance(columns, Mapping) else ():
        if str(heading) in seen:
            yield ("columns", name), f"another heading than that of {seen[str(heading)]}", str(heading), ""
        seen[str(heading)] = str(name)
    if document.get("decimal_mark") == "," == document.get("delimiter", ","):
        path = ("delimiter",) if "delimiter" in document else ("decimal_mark",)
        yield path, "a delimiter that is not the decimal mark, such as ;", ",", ""


def _of_languages(document: Mapping[str, object], documents: Documents) -> Iterator[Odd]:
    """A tag of browsers that means another language already: who asks for that one would read this one."""
    meant = {str(tag).lower(): code for code, row in documents.folder("languages").items() if code != document.get("id") for tag in (code, *_tags(row))}
    for place, tag in enumerate(_tags(document)):
        if (other := meant.get(str(tag).lower())) is not None:
            yield ("tags", place), f"a tag that means no other language; this one means {other}", str(tag), ""


def _tags(language: object) -> list[object]:
    tags = language.get("tags") if isinstance(language, Mapping) else None
    return tags if isinstance(tags, list) else []


#: What is looked at in a whole document, by its folder.
_WHOLE: Mapping[str, Callable[[Mapping[str, object], Documents], Iterator[Odd]]] = {
    "facts": _of_facts, "directory": _of_calendars, "feeds": _of_feeds, "languages": _of_languages,
}
