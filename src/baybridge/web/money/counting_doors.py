"""The pages that compute over whole populations: the policy lab and a payer's programme.

Main job: `COUNTING_DOORS`. Their modules bring NumPy, which takes a tenth of a node's start and 30 MB, so they are imported when somebody first opens such a page.
"""

from __future__ import annotations

from importlib import import_module

from starlette.responses import Response

from baybridge.http.doors import Asked, Door


def lab(asked: Asked) -> Response:
    """The form of the policy lab."""
    return _answer("lab_page", "lab", asked)


def run_lab(asked: Asked) -> Response:
    """What the form of the policy lab says, computed."""
    return _answer("lab_page", "run_lab", asked)


def programme(asked: Asked) -> Response:
    """A payer's programme."""
    return _answer("programme_page", "programme", asked)


def _answer(module: str, name: str, asked: Asked) -> Response:
    answer: Response = getattr(import_module(f"baybridge.web.money.{module}"), name)(asked)
    return answer


COUNTING_DOORS = (
    Door("/payer/programme", ("GET",), "payer.programme", "payer.work", programme),
    Door("/lab", ("GET",), "lab", "policy.lab", lab),
    Door("/lab", ("POST",), "lab.run", "policy.lab", run_lab),
)
