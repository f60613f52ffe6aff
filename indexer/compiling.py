"""When must compiled kernels be compiled anew? When they or any kernel they call has changed.

numba keys its cache by a kernel's own file alone, and by the values of its free variables. So a kernel that calls those of other files
is made by a function that takes a stamp of these files, and refers to it. It calls kernels by their global names: one that is a free
variable itself differs in every process, and is compiled in every process.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from types import ModuleType


def stamp_of(*modules: ModuleType) -> int:
    """A checksum of the modules' sources. About 20 µs each."""
    stamp = 0
    for module in modules:
        stamp = zlib.crc32(Path(str(module.__file__)).read_bytes(), stamp)
    return stamp
