"""What the patient and the family write, and what the team answers."""

from __future__ import annotations

from baybridge.journey.chapters.envelope import Event


class PatientWrote(Event, frozen=True, kw_only=True, tag=True):
    """The patient wrote to the team: signs to watch for that are felt now, a question, or how a day went; `watched` are codes of `telling/patients.yaml`."""

    letter_id: str
    watched: tuple[str, ...]
    text: str


class PatientAnswered(Event, frozen=True, kw_only=True, tag=True):
    """Somebody of the team answered what the patient wrote; `dealing`, what was done about a sign, is a code of `telling/patients.yaml`."""

    letter_id: str
    answer: str
    dealing: str = ""
