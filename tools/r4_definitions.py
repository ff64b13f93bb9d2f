"""Writes `src/baybridge/record/fhir/r4.json`: the element, code, search and compartment tables of FHIR R4 (4.0.1), compact.

Main job: turn HL7's own definition files (StructureDefinition, ValueSet, SearchParameter, CompartmentDefinition) into the tables
that `record/fhir/definitions.py` reads. Run by hand when the standard changes, never at run time.

**Source**: HL7 FHIR R4 4.0.1 definitions (CC0), a folder with profiles-types.json, profiles-resources.json, valuesets.json,
v3-codesystems.json, search-parameters.json and compartmentdefinition-patient.json.

    python tools/r4_definitions.py FOLDER src/baybridge/record/fhir/r4.json
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

MAX_CODES = 400  # larger value sets (languages, MIME types) are not listed
REGEX_URL = "http://hl7.org/fhir/StructureDefinition/regex"


def load(folder: Path, name: str) -> list[dict[str, Any]]:
    """The resources of one definition bundle."""
    return [entry["resource"] for entry in json.loads((folder / name).read_text("utf-8"))["entry"]]


# --- codes ----------------------------------------------------------------------------------------------------------


def concept_codes(concepts: list[dict[str, Any]]) -> list[str]:
    """All codes of a tree of concepts."""
    return [code for concept in concepts for code in (concept["code"], *concept_codes(concept.get("concept", [])))]


class Codes:
    """Expands the value sets that are small and complete."""

    def __init__(self, resources: list[dict[str, Any]]) -> None:
        self.sets = {r["url"]: r for r in resources if r["resourceType"] == "ValueSet"}
        self.systems = {r["url"]: r for r in resources if r["resourceType"] == "CodeSystem"}

    def expand(self, url: str) -> list[str] | None:
        """The codes of a value set; None where it cannot be listed from what is at hand."""
        found = self.sets.get(url.split("|")[0])
        if found is None or "exclude" in found.get("compose", {}):
            return None
        codes: list[str] = []
        for include in found.get("compose", {}).get("include", []):
            part = self._include(include)
            if part is None:
                return None
            codes += part
        return sorted(set(codes)) if 0 < len(codes) <= MAX_CODES else None

    def _include(self, include: dict[str, Any]) -> list[str] | None:
        if include.get("filter"):
            return None
        if "concept" in include:
            return [concept["code"] for concept in include["concept"]]
        if "valueSet" in include:
            parts = [self.expand(url) for url in include["valueSet"]]
            return None if None in parts else [code for part in parts for code in part or []]
        system = self.systems.get(include.get("system", ""))
        if system is None or system.get("content") != "complete":
            return None
        return concept_codes(system.get("concept", []))


# --- elements -------------------------------------------------------------------------------------------------------


def type_code(kind: dict[str, Any]) -> str:
    """The name of an element's type; system types are the primitive that they carry."""
    code = str(kind["code"])
    if not code.startswith("http://hl7.org/fhirpath/"):
        return code
    for extension in kind.get("extension", []):
        if extension["url"].endswith("structuredefinition-fhir-type"):
            return str(extension.get("valueUrl") or extension.get("valueUri"))
    return "string"


def targets(kind: dict[str, Any]) -> list[str]:
    """The resource types that a reference may name; empty where any may be named."""
    found = sorted({url.rsplit("/", 1)[1] for url in kind.get("targetProfile", [])})
    return [] if "Resource" in found else found


class Elements:
    """Collects the fields of every type."""

    def __init__(self, codes: Codes) -> None:
        self.codes = codes
        self.types: dict[str, dict[str, Any]] = {}
        self.code_lists: dict[str, list[str]] = {}

    def read(self, definition: dict[str, Any]) -> None:
        """Adds one StructureDefinition."""
        root = definition["type"]
        self.types.setdefault(root, {"f": {}, "r": []})
        for element in definition["snapshot"]["element"][1:]:
            parent, name = element["path"].rsplit(".", 1)
            self._add(self.types.setdefault(parent, {"f": {}, "r": []}), element, name)

    def _add(self, into: dict[str, Any], element: dict[str, Any], name: str) -> None:
        if element["max"] == "0":
            return
        if element["min"] > 0:
            into["r"].append(name)
        many = element["max"] != "1"
        if "contentReference" in element:
            into["f"][name] = [element["contentReference"].lstrip("#"), int(many)]
            return
        for kind in element.get("type", []):
            code = type_code(kind)
            of = element["path"] if code in {"BackboneElement", "Element"} else code
            json_name = name.replace("[x]", of[0].upper() + of[1:])
            into["f"][json_name] = [of, int(many), *self._extra(element, kind, code, name)]

    def _extra(self, element: dict[str, Any], kind: dict[str, Any], code: str, name: str) -> list[Any]:
        group = name if name.endswith("[x]") else None
        extra: list[Any] = [None, group]
        if code == "Reference":
            extra[0] = targets(kind) or None
        elif code in {"code", "CodeableConcept"} and element.get("binding", {}).get("strength") == "required":
            extra[0] = self._binding(element["binding"].get("valueSet", "")) if code == "code" else None
        while extra and extra[-1] is None:
            extra.pop()
        return extra

    def _binding(self, url: str) -> str | None:
        name = url.split("|")[0].rsplit("/", 1)[-1]
        if name not in self.code_lists:
            listed = self.codes.expand(url)
            if listed is None:
                return None
            self.code_lists[name] = listed
        return name


# --- search ---------------------------------------------------------------------------------------------------------

WHERE_TYPE = re.compile(r"\.where\(resolve\(\) is (\w+)\)")
WHERE_EQUALS = re.compile(r"\.where\((\w+)\s*=\s*'([^']*)'\)")
AS_FUNCTION = re.compile(r"\.as\((\w+)\)")
AS_INFIX = re.compile(r"^\(?([\w.]+) as (\w+)\)?$")


def split_top(expression: str) -> list[str]:
    """An expression's alternatives."""
    return [part.strip() for part in expression.split(" | ")]


class Search:
    """Turns FHIRPath expressions of search parameters into plain JSON paths."""

    def __init__(self, types: dict[str, dict[str, Any]]) -> None:
        self.types = types

    def paths(self, base: str, expression: str) -> list[list[Any]]:
        """[path, [target types], [field, value]] for each alternative that starts at `base`."""
        found: list[list[Any]] = []
        for part in split_top(expression):
            bare = part.strip("() ") if " as " in part else part
            if bare.split(".")[0].strip("(") != base:
                continue
            target = WHERE_TYPE.search(part)
            equals = WHERE_EQUALS.search(part)
            bare = WHERE_EQUALS.sub("", WHERE_TYPE.sub("", part))
            narrowed = [[target.group(1)] if target else [], [equals.group(1), equals.group(2)] if equals else []]
            found.extend([path, *narrowed] for path in self._names(base, bare))
        return found

    def _names(self, base: str, expression: str) -> list[str]:
        wanted: str | None = None
        if match := AS_INFIX.match(expression):
            expression, wanted = match.group(1), match.group(2)
        elif match := AS_FUNCTION.search(expression):
            expression, wanted = AS_FUNCTION.sub("", expression), match.group(1)
        if not re.fullmatch(r"[\w.]+", expression):
            return []
        return self._walk(base, expression.split(".")[1:], wanted)

    def _walk(self, kind: str, steps: list[str], wanted: str | None) -> list[str]:
        if not steps:
            return [""]
        fields = self.types.get(kind, {}).get("f", {})
        found: list[str] = []
        for name, spec in fields.items():
            group = spec[3] if len(spec) > 3 else None
            if name != steps[0] and group != f"{steps[0]}[x]":
                continue
            if group and wanted and len(steps) == 1 and spec[0].lower() != wanted.lower():
                continue
            found += [f"{name}.{rest}".rstrip(".") for rest in self._walk(spec[0], steps[1:], wanted)]
        return found


def search_tables(parameters: list[dict[str, Any]], types: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Resource type -> parameter -> [kind, paths]; composite and special parameters are left out."""
    search = Search(types)
    tables: dict[str, Any] = {}
    for parameter in parameters:
        if parameter["type"] in {"composite", "special"} or "expression" not in parameter:
            continue
        for base in parameter["base"]:
            paths = search.paths(base, parameter["expression"])
            if paths:
                tables.setdefault(base, {})[parameter["code"]] = [parameter["type"], paths]
    return tables


def main(folder: Path, out: Path) -> None:
    """Reads the definitions and writes the tables."""
    codes = Codes(load(folder, "valuesets.json") + load(folder, "v3-codesystems.json"))
    official = set(codes.expand("http://hl7.org/fhir/ValueSet/resource-types") or ())
    elements = Elements(codes)
    patterns: dict[str, str] = {}
    resources: list[str] = []
    for definition in load(folder, "profiles-types.json") + load(folder, "profiles-resources.json"):
        if definition["resourceType"] != "StructureDefinition" or definition.get("derivation") == "constraint":
            continue
        if definition["kind"] == "primitive-type":
            patterns[definition["type"]] = ""
            continue
        is_resource = definition["kind"] == "resource" and not definition["abstract"]
        if is_resource and definition["type"] not in official:
            continue  # a later version's type that the folder carries too
        elements.read(definition)
        if is_resource:
            resources.append(definition["type"])
    compartment = json.loads((folder / "compartmentdefinition-patient.json").read_text("utf-8"))
    tables = {
        "version": "4.0.1",
        "resources": sorted(resources),
        "primitives": sorted(patterns),
        "types": elements.types,
        "codes": elements.code_lists,
        "search": {k: v for k, v in search_tables(load(folder, "search-parameters.json"), elements.types).items() if k in resources},
        "patient": {r["code"]: r["param"] for r in compartment["resource"] if r.get("param")},
    }
    out.write_text(json.dumps(tables, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
