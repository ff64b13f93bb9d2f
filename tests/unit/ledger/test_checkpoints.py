"""Checkpoints and co-signatures in the form that other implementations read, and nothing else accepted."""

from __future__ import annotations

from base64 import b64decode

import pytest

from baybridge.base.keys import SigningKey, VerifyKey
from baybridge.ledger import checkpoint as notes
from baybridge.ledger.checkpoint import Checkpoint, Note, NoteSignature

KEY = SigningKey(b"\x01" * 32)
OTHER = SigningKey(b"\x02" * 32)
POINT = Checkpoint("baybridge/mo", 7, b"\x03" * 32)
NOTE = notes.sign(POINT, KEY)


def published(verifier_key: str) -> tuple[str, bytes, VerifyKey]:
    name, identifier, encoded = verifier_key.split("+", 2)
    return name, bytes.fromhex(identifier), VerifyKey(b64decode(encoded)[1:])


@pytest.mark.parametrize(
    ("verifier_key", "text", "signature"),
    [
        (  # golang.org/x/mod/sumdb/note, package documentation
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
            "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=",
        ),
        (  # hex.pm/packages/signed_note 1.0.0, module documentation
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "This is an example message.\n",
            "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=",
        ),
    ],
)
def test_published_notes_verify(verifier_key: str, text: str, signature: str) -> None:
    name, identifier, key = published(verifier_key)
    assert notes.key_id(name, key) == identifier
    note = notes.parse(f"{text}\n\u2014 {name} {signature}\n")
    assert note.text == text
    assert notes.signer(note, name, [key]) == key


def test_the_example_checkpoint_of_the_specification_reads_the_same_again() -> None:
    text = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dl"
        "rDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    note = notes.parse(text)
    assert str(note) == text
    root = b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    assert notes.read(note) == Checkpoint("example.com/behind-the-sofa", 20852163, root)
    assert int.from_bytes(note.signatures[1].value[:8], "big") == 1679315147


def test_a_signed_checkpoint_verifies_under_its_key_and_origin_alone() -> None:
    text = str(NOTE)
    assert notes.verify(text, "baybridge/mo", [OTHER.public, KEY.public]) == POINT
    assert notes.verify(text, "baybridge/mo", [OTHER.public]) is None
    assert notes.verify(text, "baybridge/gd", [KEY.public]) is None
    assert notes.verify(text.replace("\n7\n", "\n8\n"), "baybridge/mo", [KEY.public]) is None


def test_signatures_by_unknown_keys_are_ignored_and_a_failing_one_by_a_known_key_rejects() -> None:
    stranger = NoteSignature("elsewhere", b"abcd", b"x" * 70)
    assert notes.signer(NOTE.joined([stranger]), "baybridge/mo", [KEY.public]) == KEY.public
    broken = NoteSignature("baybridge/mo", notes.key_id("baybridge/mo", OTHER.public), b"\x00" * 64)
    assert notes.signer(NOTE.joined([broken]), "baybridge/mo", [KEY.public, OTHER.public]) is None


def test_a_co_signature_says_when_and_fits_one_note_name_and_key() -> None:
    line = notes.cosign(NOTE, "baybridge/gd", OTHER, 1_700_000_000)
    both = NOTE.joined([line])
    assert notes.cosigned_at(notes.parse(str(both)), "baybridge/gd", [OTHER.public]) == 1_700_000_000
    assert notes.cosigned_at(both, "baybridge/hk", [OTHER.public]) is None
    assert notes.cosigned_at(both, "baybridge/gd", [KEY.public]) is None
    assert notes.cosigned_at(NOTE, "baybridge/gd", [OTHER.public]) is None
    elsewhere = notes.sign(Checkpoint("baybridge/mo", 8, b"\x03" * 32), KEY).joined([line])
    assert notes.cosigned_at(elsewhere, "baybridge/gd", [OTHER.public]) is None


def test_a_changed_time_breaks_a_co_signature() -> None:
    line = notes.cosign(NOTE, "baybridge/gd", OTHER, 1_700_000_000)
    later = NoteSignature(line.name, line.key_id, (1_700_000_001).to_bytes(8, "big") + line.value[8:])
    assert notes.cosigned_at(NOTE.joined([later]), "baybridge/gd", [OTHER.public]) is None


def test_a_log_signature_never_passes_for_a_co_signature() -> None:
    assert notes.key_id("n", KEY.public) != notes.cosigner_id("n", KEY.public)
    assert notes.cosigned_at(NOTE, "baybridge/mo", [KEY.public]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "text only\n",
        "a\n\n\u2014 n AAAA\n",  # no signature behind the key id
        "a\n\n\u2014 n !!!!\n",
        "a\n\n- n AAAAAAAA\n",
        "a\n\n\u2014 n+m AAAAAAAA\n",
        "a\n\n\u2014 n AAAAAAAA",  # no newline at the end
        "a\n\n\u2014 n AAAAAAAA\n\n",
        "a\n\n\u2014 n AAAAAAAB\r\n",
        "a\tb\n\n\u2014 n AAAAAAAA\n",
        "a\n\n\u2014 n AAAAAAB=\n",  # bits behind the last byte
        "a\n\n" + "\u2014 n AAAAAAAA\n" * 65,
        "a" * 64_001 + "\n\n\u2014 n AAAAAAAA\n",
    ],
)
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        notes.parse(text)


ROOT = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="


@pytest.mark.parametrize(
    "text",
    [
        f"o\n{ROOT}\n",
        f"o\n07\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n+1\n{ROOT}\n",
        f"o\n1e3\n{ROOT}\n",
        f"o\n٣\n{ROOT}\n",
        f"o\n9223372036854775808\n{ROOT}\n",
        f"o\n{'9' * 5000}\n{ROOT}\n",
        "o\n7\nAwMD\n",
        f"o\n7\n{ROOT[:-1]}\n",
        f"\n7\n{ROOT}\n",
        f"o\n7\n{ROOT}\n\nx\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        notes.read(Note(text, ()))


def test_extension_lines_are_kept_and_signed() -> None:
    point = Checkpoint("o", 1, b"\x03" * 32, ("extra",))
    assert notes.verify(str(notes.sign(point, KEY)), "o", [KEY.public]) == point


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb", "a\u2003b"])
def test_an_origin_that_is_no_name_is_not_signed(origin: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        notes.sign(Checkpoint(origin, 1, b"\x03" * 32), KEY)
