"""Seeded damage to a file's bytes: flipped bits, cuts, overwritten and doubled pieces, words of a pickle."""

import random

WORDS = (
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
    b"R",
    b"b",
    b"0",
    b"2",
    b"(",
    b"t",
    b"cos\nsystem\n",
    b"\x8c",
    b"\x95",
)


def mutant(whole: bytes, seed: int) -> bytes:
    """`whole` with one to four injuries."""
    draw, data = random.Random(seed), bytearray(whole)
    for _ in range(draw.randint(1, 4)):
        # Names and sizes are at the start and at the end; values, where most bytes are, break nothing.
        ends = draw.randrange(min(len(data), 2000)), len(data) - draw.randint(1, min(len(data), 400))
        place = draw.choice((draw.randrange(len(data)), *ends))
        match draw.randrange(7):
            case 0:
                data[place] ^= 1 << draw.randrange(8)
            case 1:
                data[place] = draw.randrange(256)
            case 2:
                del data[place : place + draw.randint(1, 64)]
            case 3:
                data[place:place] = data[place : place + draw.randint(1, 200)]
            case 4:
                word = draw.choice(WORDS)
                data[place : place + len(word)] = word
            case 5:
                data[place : place + 8] = bytes([draw.randrange(256)]) * 8
            case 6 if draw.random() < 0.3:
                del data[place:]
        if not data:
            data += b"x"
    return bytes(data)
