"""Positions in files of aligned parts."""


def round_up(position: int, alignment: int) -> int:
    """The first multiple of `alignment` at or after `position`, in bytes."""
    return -(-position // alignment) * alignment
