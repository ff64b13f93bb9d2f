"""A birth date beside the one that an identity number of the mainland says.

Main job: `keep_births(connection, batch)` tells each that differs; where the one that stands is that of the number, it stays until a person decides.

**Source**: GB 11643-1999, 4 (the date of birth in the number). Elsewhere: the form of numbers in `identity/documents.py`; what a message leaves out in
`earlier.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from baybridge.record.identity.documents import is_born_otherwise
from baybridge.record.intake.earlier import key_of, standing
from baybridge.record.store.store import Key

if TYPE_CHECKING:
    from baybridge.record.intake.importing import Batch


def keep_births(connection: Connection, batch: Batch) -> list[tuple[int, str, str]]:
    """Keep the birth date of a number where one that differs would replace it; what is to be told as (place in the batch, type, code), each person once."""
    people = [(number, key_of(resource)) for number, resource in enumerate(batch.resources) if resource["resourceType"] == "Patient" and resource.get("birthDate")]
    asked = (key for number, key in people if not batch.resources[number].get("identifier") or is_born_otherwise(batch.resources[number]))
    stands = {key: version.resource for key, version in standing(connection, asked).items()}
    told: dict[tuple[Key, str], tuple[int, str, str]] = {}
    for number, key in people:
        resource, before = batch.resources[number], stands.get(key, {})
        person = {"identifier": before.get("identifier"), **resource}
        if is_born_otherwise(person):
            is_kept = bool(before.get("birthDate")) and not is_born_otherwise({**person, "birthDate": before["birthDate"]})
            code = "birth_kept" if is_kept else "birth_number"
            told.setdefault((key, code), (number, key[0], code))
            resource = batch.resources[number] = {**resource, "birthDate": before["birthDate"]} if is_kept else resource
        stands[key] = {**before, **resource}
    return list(told.values())
