"""The kernel's own account of its clock: adjtimex(2), which Python does not have."""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

_LONGS_AND_INTS = (  # struct timex in include/uapi/linux/timex.h
    *(("modes", "uint"), ("offset", "long"), ("freq", "long"), ("maxerror", "long"), ("esterror", "long")),
    *(("status", "int"), ("constant", "long"), ("precision", "long"), ("tolerance", "long")),
    *(("seconds", "long"), ("microseconds", "long"), ("tick", "long"), ("ppsfreq", "long"), ("jitter", "long")),
    *(("shift", "int"), ("stabil", "long"), ("jitcnt", "long"), ("calcnt", "long"), ("errcnt", "long")),
    *(("stbcnt", "long"), ("tai", "int")),
)


class Timex(NamedTuple):
    """What adjtimex tells, in the kernel's units, and what it returns: the clock's state."""

    offset: int
    freq: int
    maxerror: int
    esterror: int
    status: int
    constant: int
    tick: int
    ppsfreq: int
    jitter: int
    shift: int
    stabil: int
    jitcnt: int
    calcnt: int
    errcnt: int
    stbcnt: int
    tai: int
    state: int


def adjtimex() -> Timex:
    """Ask the kernel, changing nothing; raises OSError, with ENOSYS where the system has no such call."""
    import ctypes  # noqa: PLC0415 - most of the program does without

    kinds = {"int": ctypes.c_int, "uint": ctypes.c_uint, "long": ctypes.c_long}

    class Struct(ctypes.Structure):
        _fields_ = [
            *((name, kinds[kind]) for name, kind in _LONGS_AND_INTS),
            ("reserved", ctypes.c_int * 11),
        ]

    try:
        call = ctypes.CDLL(None, use_errno=True).adjtimex
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    told = Struct()
    state = call(ctypes.byref(told))
    if state < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return Timex._make([*(getattr(told, name) for name in Timex._fields[:-1]), state])
