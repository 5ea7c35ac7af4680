"""Lossless JPEG, decoded in a process of its own: see :mod:`spinemorph.read.gdcm_process`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

_PROGRAM: Final = Path(__file__).with_name("gdcm_process.py")
#: A film of 100 megapixels takes GDCM a few seconds.
TIMEOUT_S: Final = 120


def decode_lossless_jpeg(
    frame: bytes,
    *,
    shape: tuple[int, int],
    samples: int,
    allocated: int,
    stored: int,
    signed: bool,
    photometric: str,
    syntax: str,
) -> NDArray[np.unsignedinteger]:
    """The raw samples, unsigned (rows, columns) or (rows, columns, samples), colour by pixel.

    ValueError where the code stream is damaged, however badly.
    """
    rows, columns = shape
    header = {
        "rows": rows,
        "columns": columns,
        "samples": samples,
        "allocated": allocated,
        "stored": stored,
        "signed": int(signed),
        "photometric": photometric,
        "syntax": syntax,
    }
    # -P keeps the folder of the program, with our dicom.py, out of the search for modules
    command = [sys.executable, "-P", str(_PROGRAM)]
    try:
        done = subprocess.run(  # noqa: S603  our own program, no shell
            command,
            input=json.dumps(header).encode() + b"\n" + frame,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError("the decoder did not come to an end") from None
    kind = np.dtype(np.uint8) if allocated == 8 else np.dtype("<u2")
    expected = rows * columns * samples * kind.itemsize
    if done.returncode != 0 or len(done.stdout) != expected:
        raise ValueError(f"the decoder failed (exit status {done.returncode})")
    values: NDArray[np.unsignedinteger] = np.frombuffer(done.stdout, kind)
    return values.reshape(shape if samples == 1 else (*shape, samples))
