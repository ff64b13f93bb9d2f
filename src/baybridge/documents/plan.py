"""Plans, agreements, scales and rates of money as their documents write them: `data/plans`.

Main job: `PlanDocument`. A plan that is not complete bars nothing: money says itself what it cannot compute, so that nothing of a document is taken for
granted before it was looked at. What is wrong with one says `funding/plans/checking.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

PlanDocument = Mapping[str, object]
