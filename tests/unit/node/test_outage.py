"""What a driver says of a database that is away, told from a defect."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import PendingRollbackError

from baybridge.node.outage import problem_of


def test_whoever_goes_on_after_the_connection_broke_is_told_that_the_database_is_away() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        connection.invalidate()
        with pytest.raises(PendingRollbackError) as met:
            connection.execute(text("SELECT 1"))
    found = problem_of(met.value)
    assert found is not None and found.kind == "away"


def test_a_defect_is_no_state_of_the_database() -> None:
    assert problem_of(ValueError("no")) is None
