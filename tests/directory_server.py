"""Debian's OpenLDAP server with a certificate of the tests' own, for signing in by a directory.

Main job: `started(folder)` runs it on a free port with the people of `PEOPLE`. Skips where this machine has none.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from acceptance.support_processes import free_ports

BASE, ASKS_AS, SECRET = "dc=hospital,dc=example", "cn=baybridge,dc=hospital,dc=example", "the-secret-of-this-node"
LDIF = """\
dn: dc=hospital,dc=example
objectClass: dcObject
objectClass: organization
dc: hospital
o: Hospital

dn: cn=baybridge,dc=hospital,dc=example
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: baybridge
userPassword: the-secret-of-this-node

dn: uid=wong,dc=hospital,dc=example
objectClass: inetOrgPerson
uid: wong
cn: Wong
sn: Wong
mail: one@hospital.example
userPassword: the-password-of-wong

dn: uid=chan,dc=hospital,dc=example
objectClass: inetOrgPerson
uid: chan
cn: Chan
sn: Chan
mail: one@hospital.example
userPassword: the-password-of-chan

dn: uid=a*b(c),dc=hospital,dc=example
objectClass: inetOrgPerson
uid: a*b(c)
cn: Odd
sn: Odd
userPassword: the-password-of-odd

dn: uid=twice,dc=hospital,dc=example
objectClass: inetOrgPerson
uid: twice
cn: First
sn: First
userPassword: the-password-of-first

dn: cn=second,dc=hospital,dc=example
objectClass: inetOrgPerson
uid: twice
cn: second
sn: Second
userPassword: the-password-of-second

dn: ou=groups,dc=hospital,dc=example
objectClass: organizationalUnit
ou: groups

dn: cn=cart-nurses,ou=groups,dc=hospital,dc=example
objectClass: groupOfNames
cn: cart-nurses
member: uid=wong,dc=hospital,dc=example
member: uid=a*b(c),dc=hospital,dc=example

dn: ou=elsewhere,dc=hospital,dc=example
objectClass: referral
objectClass: extensibleObject
ou: elsewhere
ref: ldap://127.0.0.1:9/dc=elsewhere
"""


@dataclass
class Directory:
    """The directory of the tests."""

    port: int
    authority: Path
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """It answers no more."""
        self.process.kill()
        self.process.wait()


@contextmanager
def started(folder: Path) -> Iterator[Directory]:
    """The directory, running."""
    program = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        pytest.skip("no OpenLDAP server on this machine: `make directory` installs one (Debian's slapd)")
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    for number, one in enumerate(certificate.cert_chain_pems):
        one.write_to_path(str(folder / "certificate.pem"), append=number > 0)
    (folder / "database").mkdir()
    (folder / "people.ldif").write_text(LDIF)
    (folder / "slapd.conf").write_text(f"""\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCertificateFile {folder}/certificate.pem
TLSCertificateKeyFile {folder}/key.pem
database mdb
suffix "{BASE}"
rootdn "cn=root,{BASE}"
directory {folder}/database
access to attrs=userPassword by anonymous auth
access to * by dn.exact="{ASKS_AS}" read by anonymous auth
""")
    subprocess.run([program, "-T", "add", "-f", str(folder / "slapd.conf"), "-l", str(folder / "people.ldif")], check=True, capture_output=True)
    port = free_ports(1)[0]
    process = subprocess.Popen(
        [program, "-d", "0", "-f", str(folder / "slapd.conf"), "-h", f"ldaps://localhost:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    made = Directory(port, folder / "ca.pem", process)
    try:
        _wait_for(made)
        yield made
    finally:
        made.stop()


def _wait_for(made: Directory) -> None:
    while made.process.poll() is None:
        try:
            socket.create_connection(("localhost", made.port), timeout=1).close()
        except OSError:
            continue
        return
    raise AssertionError("the directory ended")
