"""What every test shares: generated tests are the same in every run, so that a failure can be repeated; `BAYBRIDGE_HYPOTHESIS=exploring` makes new ones."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("exploring", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("BAYBRIDGE_HYPOTHESIS", "repeatable"))
