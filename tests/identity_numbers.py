"""Document numbers with their check characters, written a second time and plainly, for tests that need right and wrong ones.

**Source**: GB 11643-1999 with its printed weights; the Hong Kong identity card's check digit by letters A = 10 to Z = 35 and blank = 36.
"""

from __future__ import annotations

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident(body: str) -> str:
    """A mainland number from its first seventeen digits."""
    total = 0
    for place in range(17):
        total += int(body[place]) * _WEIGHTS[place]
    return body + ("1", "0", "X", "9", "8", "7", "6", "5", "4", "3", "2")[total % 11]


def hkid(letters: str, digits: str) -> str:
    """A Hong Kong number from its letters and six digits, as it is printed."""
    values = [36] * (2 - len(letters)) + [ord(letter) - 55 for letter in letters] + [int(digit) for digit in digits]
    total = 0
    for weight, value in zip((9, 8, 7, 6, 5, 4, 3, 2), values, strict=True):
        total += weight * value
    for check in "0123456789A":
        if (total + (10 if check == "A" else int(check))) % 11 == 0:
            return f"{letters}{digits}({check})"
    raise AssertionError("one of eleven characters fits")
