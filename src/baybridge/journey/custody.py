"""Where the rules for cells in the hand come from, as a reason names it.

Main job: one sentence for each rule of identity, custody, release and storage.
No law or label words them so: they are conventions of this project over the product's own documents.
"""

from __future__ import annotations

ONE_CHAIN = "one chain of identity for each therapy event, never used again (convention of this project)"
SCANNED = "two identifiers and the chain of identity at each hand-over, by scan (convention of this project)"
TWO_PERSONS = "two persons at labels, bags, thaw and bedside (convention of this project)"
RELEASE = "release specification: the product's registered standard governs; what is recorded of a test is a convention of this project"
STORAGE = "storage and hold: the product's label governs; the bands are conventions of this project"
FAILED = "a failed limit is investigated, told and decided by quality (convention of this project)"
