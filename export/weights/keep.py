"""Codes of a checkpoint in LiteRT's packing: the same numbers, each in as many bits or more.

Both pack the first code lowest. LiteRT's codes are in two's complement, the checkpoint's have half of their range
added: one flipped bit apart. LiteRT packs a tensor whole, the checkpoint row by row: where a row does not fill its last
byte codes are widened until it does.
"""

import numpy as np

from export.checkpoint.codes import Codes, unpack

FLIPPED = {2: 0xAA, 4: 0x88}
"""The highest bit of each code in a byte."""


def repacked(raw: memoryview, codes: Codes, bits: int) -> memoryview:
    """Whole rows as they stand in the file to codes of `bits` bits, packed as LiteRT has them; `codes.stored_bits` are
    the fewest that can be."""
    if bits == codes.bits == 8:
        return raw
    if bits == codes.bits:
        return memoryview(np.frombuffer(raw, np.uint8) ^ np.uint8(FLIPPED[bits]))
    values = np.ascontiguousarray(unpack(raw, codes)).view(np.uint8).reshape(-1)
    if bits == 8:
        return memoryview(values)
    return memoryview((values[::2] & 15) | (values[1::2] << 4))
