"""Why something of the outside failed, in words for an operator: a file, a connection, a text.

Main job: `why(problem)`. Quotes nothing of what was read or sent. The words are those of the system where it has some (`strerror`).
"""

from __future__ import annotations

#: By class, looked up by name along its line, so that no library is loaded for a name.
_WORDS = {
    "UnicodeDecodeError": "bytes that are no UTF-8",
    "MarkedYAMLError": "text that is no YAML",
    "YAMLError": "text that is no YAML",
    "KeyError": "a part that is missing",
    "gaierror": "a name that no name server knows",
    "InvalidURL": "an address that cannot be one",
    "UnsupportedProtocol": "an address of another kind than http or https",
    "ConnectError": "nobody who takes the connection",
    "ConnectionRefusedError": "nobody who takes the connection",
    "TimeoutException": "no answer in time",
    "TimeoutError": "no answer in time",
    "NetworkError": "a connection that broke off",
    "ProtocolError": "an answer that is no HTTP",
    "TooManyRedirects": "an address that sends on and on",
    "JSONDecodeError": "text that is no JSON",
    "ValidationError": "another form than was agreed",
    "RecursionError": "parts within parts without end",
    "HTTPError": "no answer",
    "ValueError": "another form than was agreed",
    "OSError": "what the system could not do",
}


def why(problem: BaseException) -> str:
    """What failed, as part of a sentence: "found …"."""
    certificate = _certificate(problem)
    if certificate:
        return certificate
    if isinstance(problem, OSError) and (problem.strerror or str(problem)):
        return problem.strerror or str(problem)
    return next((_WORDS[kind.__name__] for kind in type(problem).__mro__ if kind.__name__ in _WORDS), "a failure without a name")


def _certificate(problem: BaseException) -> str:
    """What is wrong with the certificate of the other side, where that is why; empty otherwise."""
    seen: BaseException | None = problem
    while seen is not None:
        if type(seen).__name__ == "SSLCertVerificationError":  # asked by name, so that small commands load no TLS
            return f"a certificate that this machine does not trust ({getattr(seen, 'verify_message', '')})"
        seen = seen.__cause__ or seen.__context__
    return ""
