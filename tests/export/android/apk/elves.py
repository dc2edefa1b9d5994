"""Shared libraries as small as they get: what the reader looks at, and nothing to run."""

import struct

MACHINES = {"arm64-v8a": 183, "x86_64": 62}


def elf(abi="arm64-v8a", page=16384, needed=("libc.so", "libm.so"), defined=(), undefined=("malloc",)):
    """One segment that holds symbols, strings and the dynamic table, loaded at 0x1000 above its place."""
    strings, index = b"\0", {}
    for name in (*needed, *defined, *undefined):
        index[name] = len(strings)
        strings += name.encode() + b"\0"
    symbols = bytes(24)
    for name in (*defined, *undefined):
        symbols += struct.pack("<IBBHQQ", index[name], 18, 0, 1 if name in defined else 0, 0x2000, 8)
    at = 64 + 2 * 56
    strings_at = at + len(symbols)
    dynamic_at = strings_at + len(strings)
    base = 0x1000
    tags = [(1, index[name]) for name in needed]
    tags += [(5, base + strings_at), (6, base + at), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *tag) for tag in tags)
    end = dynamic_at + len(dynamic)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, MACHINES[abi], 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, end, end, page)
    dynamic_header = struct.pack("<IIQQQQQQ", 2, 6, dynamic_at, base + dynamic_at, 0, len(dynamic), len(dynamic), 8)
    return header + load + dynamic_header + symbols + strings + dynamic
