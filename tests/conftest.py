"""What every test shares: generated tests are the same in every run, so that a failure can be repeated; `BAYBRIDGE_HYPOTHESIS=exploring` makes new ones."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

#: How fast a machine makes its examples is no property of the code.
_SLOW = [HealthCheck.too_slow]
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("exploring", deadline=None, print_blob=True, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("BAYBRIDGE_HYPOTHESIS", "repeatable"))
