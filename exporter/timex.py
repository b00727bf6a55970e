"""The kernel's clock state: adjtimex(2), which Python's standard library lacks."""

from __future__ import annotations

import errno
import functools
import os
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGS_AND_INTS = (  # struct timex in include/uapi/linux/timex.h
    *(("modes", "uint"), ("offset", "long"), ("freq", "long"), ("maxerror", "long"), ("esterror", "long")),
    *(("status", "int"), ("constant", "long"), ("precision", "long"), ("tolerance", "long")),
    *(("seconds", "long"), ("microseconds", "long"), ("tick", "long"), ("ppsfreq", "long"), ("jitter", "long")),
    *(("shift", "int"), ("stabil", "long"), ("jitcnt", "long"), ("calcnt", "long"), ("errcnt", "long")),
    *(("stbcnt", "long"), ("tai", "int")),
)


class Timex(NamedTuple):
    """The result of adjtimex(2), in the kernel's units; `state` is its return value."""

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
    """Read the clock state without changing it; raises OSError, with ENOSYS where the system lacks the call."""
    call, struct = _load_adjtimex()
    buffer = struct()
    state, error = call(buffer)
    if state < 0:
        raise OSError(error, os.strerror(error))
    return Timex._make([*(getattr(buffer, name) for name in Timex._fields[:-1]), state])


@functools.cache
def _load_adjtimex() -> tuple[Callable[[Any], tuple[int, int]], Callable[[], Any]]:
    """Return a function that calls adjtimex and returns result and errno, and the type of its argument."""
    import ctypes  # noqa: PLC0415 - most of the program does without

    kinds = {"int": ctypes.c_int, "uint": ctypes.c_uint, "long": ctypes.c_long}

    class Struct(ctypes.Structure):
        _fields_ = [
            *((name, kinds[kind]) for name, kind in _LONGS_AND_INTS),
            ("reserved", ctypes.c_int * 11),
        ]

    try:
        function = ctypes.CDLL(None, use_errno=True).adjtimex
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    return lambda struct: (function(ctypes.byref(struct)), ctypes.get_errno()), Struct
