"""Damage to files, drawn from a seed: bits, bytes, lengths, pieces of other files, and words that readers trip over."""

import re
from collections.abc import Sequence

import numpy as np

MOST_CHANGES = 4
"""In one file."""
WORDS = (
    *(
        "nan",
        "-inf",
        "1e999",
        "1e20",
        "-1",
        "0",
        "9" * 5000,
        "9" * 400,
        "1.5",
        "true",
        "null",
        "{}",
        "[]",
        '""',
        "\\u0000",
        "\x00",
    ),
    *("[" * 5000, "é", "=1+1", "../../x", "x" * 5000, ",", "\n", '"', "2147483648", "18446744073709551616"),
)
_TOKEN = re.compile(rb"[A-Za-z0-9_.+-]+")
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40)


def mutated(data: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """Return the bytes with one to four changes; others are files of the same kind, to take pieces from."""
    for _ in range(int(rng.integers(1, MOST_CHANGES + 1))):
        kinds = (_flip, _flip, _extreme, _cut, _remove, _insert, _repeat, _splice, _word, _word)
        change = kinds[int(rng.integers(len(kinds)))]
        data = change(data, others, rng)
    return data


def _place(data: bytes, rng: np.random.Generator) -> int:
    """Return a place in the data; every other time near its beginning, where headers are."""
    end = len(data) if rng.random() < 0.5 else min(len(data), 64)
    return int(rng.integers(end)) if end else 0


def _flip(data: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    if not data:
        return data
    place = _place(data, rng)
    return data[:place] + bytes([data[place] ^ 1 << int(rng.integers(8))]) + data[place + 1 :]


def _extreme(data: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    size = int(rng.choice([1, 2, 4, 8]))
    value = _EXTREMES[int(rng.integers(len(_EXTREMES)))] & (1 << 8 * size) - 1
    place = _place(data, rng)
    return data[:place] + value.to_bytes(size, "little" if rng.random() < 0.5 else "big") + data[place + size :]


def _cut(data: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def _remove(data: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    place = _place(data, rng)
    return data[:place] + data[place + int(rng.integers(1, 33)) :]


def _insert(data: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    place = _place(data, rng)
    return data[:place] + rng.bytes(int(rng.integers(1, 33))) + data[place:]


def _repeat(data: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    place = _place(data, rng)
    piece = data[place : place + int(rng.integers(1, 257))]
    return data[:place] + piece * int(rng.integers(2, 9)) + data[place:]


def _splice(data: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    other = others[int(rng.integers(len(others)))] if others else data
    return data[: _place(data, rng)] + other[_place(other, rng) :]


def _word(data: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """Put a word in the place of another; of a long file, one within a few thousand bytes."""
    start = max(0, _place(data, rng) - 2000)
    tokens = list(_TOKEN.finditer(data, start, start + 4000))
    if not tokens:
        return data
    token = tokens[int(rng.integers(len(tokens)))]
    word = WORDS[int(rng.integers(len(WORDS)))].encode()
    return data[: token.start()] + word + data[token.end() :]
