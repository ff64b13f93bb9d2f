"""Everything that can happen to a case, as past-tense nouns that are never changed.

Main job: the closed list of events, which stand in chapters (`chapters/`); a case is a fold over them (`case.py`), FHIR is a
projection of them.

An event says what happened, not who recorded it: the envelope `Recorded` adds node, organisation, actor, role and times.
Events hold no names and no identity document numbers; those stand in the record, which can be erased where the law asks.

**Units**: money in minor units with `currency`; times aware, end in `_at`; dates end in `_on`; other units end the name.
"""

from __future__ import annotations

from baybridge.journey.chapters.attachments import *
from baybridge.journey.chapters.calls import *
from baybridge.journey.chapters.case_messages import *
from baybridge.journey.chapters.cells import *
from baybridge.journey.chapters.corrections import *
from baybridge.journey.chapters.decisions import *
from baybridge.journey.chapters.envelope import *
from baybridge.journey.chapters.envelope import Event as _Event
from baybridge.journey.chapters.family import *
from baybridge.journey.chapters.follow_up import *
from baybridge.journey.chapters.identity import *
from baybridge.journey.chapters.messages import *
from baybridge.journey.chapters.money import *
from baybridge.journey.chapters.referral import *
from baybridge.journey.chapters.rights import *
from baybridge.journey.chapters.sharing import *
from baybridge.journey.chapters.signing import *
from baybridge.journey.chapters.tasks import *
from baybridge.journey.chapters.treatment import *


def _all_events(base: type[_Event]) -> list[type[_Event]]:
    return [kind for direct in base.__subclasses__() for kind in (direct, *_all_events(direct))]


EVENT_TYPES: dict[str, type[_Event]] = {kind.__name__: kind for kind in _all_events(_Event)}
