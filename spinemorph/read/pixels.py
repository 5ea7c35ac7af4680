"""The stored values of a DICOM film, whatever the transfer syntax."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.errors import NotAFilm, ReadError
from spinemorph.read.lossless import decode_lossless_jpeg
from spinemorph.read.source import numbers, text

#: Transfer syntaxes of uncompressed pixels (the deflated one is inflated before).
NATIVE: Final = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
_LITTLE_ENDIAN: Final = NATIVE[:3]
_EXTENDED: Final = "1.2.840.10008.1.2.4.51"
_RLE: Final = "1.2.840.10008.1.2.5"

#: Compressed transfer syntaxes: name, and the decoder. Each was chosen for surviving damaged
#: data; GDCM does not and runs in a process of its own.
COMPRESSED: Final = {
    "1.2.840.10008.1.2.4.50": ("JPEG Baseline", "pillow"),
    _EXTENDED: ("JPEG Extended", "pillow"),
    "1.2.840.10008.1.2.4.57": ("JPEG Lossless", "gdcm"),
    "1.2.840.10008.1.2.4.70": ("JPEG Lossless SV1", "gdcm"),
    "1.2.840.10008.1.2.4.80": ("JPEG-LS Lossless", "pyjpegls"),
    "1.2.840.10008.1.2.4.81": ("JPEG-LS Near-lossless", "pyjpegls"),
    "1.2.840.10008.1.2.4.90": ("JPEG 2000 Lossless", "pylibjpeg"),
    "1.2.840.10008.1.2.4.91": ("JPEG 2000", "pylibjpeg"),
    _RLE: ("RLE Lossless", "pydicom"),
}


def integer(dataset: Any, keyword: str, default: int | None = None) -> int | None:
    """The first value of an attribute as an integer, or ``default``."""
    found = numbers(dataset, keyword)
    if not found or found[0] != found[0] or abs(found[0]) > 2**53:
        return default
    return int(found[0])


def stored_values(path: Path, dataset: Any, syntax: str) -> NDArray[np.integer]:
    """Stored values (rows, columns) as int32, unused and overlay bits masked.

    For grey films only. ReadError or NotAFilm where the pixels are not there or damaged.
    """
    allocated, stored, shift, signed = _depth(path, dataset)
    if syntax in _LITTLE_ENDIAN:
        raw = _native(path, dataset, allocated)
    else:
        raw = decoded(path, dataset, syntax)
        shift = shift if syntax in NATIVE else 0
    if raw.ndim != 2:
        raise ReadError(f"{path.name}: one grey value per pixel was announced, the data has more")
    values: NDArray[np.integer] = raw.astype(np.int32)
    if raw.dtype.kind != "u":
        values &= 0xFFFF
    values >>= shift
    values &= (1 << stored) - 1
    if signed:
        values -= (values & (1 << (stored - 1))) << 1
    return values


def decoded(path: Path, dataset: Any, syntax: str) -> NDArray[np.integer]:
    """The decoded pixels, (rows, columns) or (rows, columns, 3) in RGB."""
    from pydicom.pixels import get_decoder

    options: dict[str, Any] = {"as_rgb": True, "correct_unused_bits": False}
    plugin = None
    if syntax not in NATIVE:
        plugin = options["decoding_plugin"] = _plugin(path, dataset, syntax)
        frame = _checked_frame(path, dataset, syntax)
    try:
        if plugin == "gdcm":
            return _lossless(path, dataset, syntax, frame)
        array, _ = get_decoder(syntax).as_array(dataset, index=0, **options)
    except ReadError:
        raise
    except Exception as error:  # whatever the codec raises, the pixels are damaged
        raise ReadError(
            f"{path.name}: the pixel data is damaged or incomplete and cannot be decoded"
        ) from error
    return np.asarray(array)


def _lossless(path: Path, dataset: Any, syntax: str, frame: bytes) -> NDArray[np.integer]:
    allocated, stored, _, signed = _depth(path, dataset)
    samples = integer(dataset, "SamplesPerPixel", 1) or 1
    photometric = text(dataset, "PhotometricInterpretation") or "MONOCHROME2"
    array = decode_lossless_jpeg(
        frame,
        shape=(integer(dataset, "Rows") or 0, integer(dataset, "Columns") or 0),
        samples=samples,
        allocated=allocated,
        stored=stored,
        signed=signed,
        photometric=photometric,
        syntax=syntax,
    )
    if samples == 3 and photometric.startswith("YBR_FULL"):
        from pydicom.pixels import convert_color_space

        return np.asarray(convert_color_space(array, "YBR_FULL", "RGB"))
    return array


def _depth(path: Path, dataset: Any) -> tuple[int, int, int, bool]:
    """Bits allocated, bits stored, how far to shift right, signed."""
    allocated = integer(dataset, "BitsAllocated", 16) or 0
    stored = integer(dataset, "BitsStored", allocated) or 0
    high = integer(dataset, "HighBit", stored - 1)
    signed = integer(dataset, "PixelRepresentation", 0) == 1
    if allocated not in (8, 16):
        raise NotAFilm(f"{path.name}: {allocated} bits per pixel are not supported, only 8 and 16")
    if not 2 <= stored <= allocated:
        raise ReadError(f"{path.name}: {stored} bits stored of {allocated} is a damaged header")
    shift = high + 1 - stored if high is not None and stored <= high + 1 <= allocated else 0
    return allocated, stored, shift, signed


def _native(path: Path, dataset: Any, allocated: int) -> NDArray[np.integer]:
    rows, columns = integer(dataset, "Rows") or 0, integer(dataset, "Columns") or 0
    data = dataset.PixelData
    expected = rows * columns * allocated // 8
    if not isinstance(data, bytes) or len(data) < expected:
        raise ReadError(f"{path.name}: the file is cut off: pixels are missing")
    kind = np.uint8 if allocated == 8 else np.dtype("<u2")
    values: NDArray[np.integer] = np.frombuffer(data, kind, rows * columns)
    return values.reshape(rows, columns)


def _plugin(path: Path, dataset: Any, syntax: str) -> str:
    from pydicom.pixels import get_decoder

    if syntax not in COMPRESSED:
        name = text(dataset.file_meta, "TransferSyntaxUID") or "none"
        raise ReadError(f"{path.name}: the transfer syntax {name} is not supported")
    name, plugin = COMPRESSED[syntax]
    available = get_decoder(syntax).available_plugins
    if syntax == _EXTENDED and integer(dataset, "BitsStored", 8) != 8:
        plugin = "pylibjpeg"
        if plugin not in available:
            raise ReadError(
                f"{path.name}: JPEG Extended with 12 bits needs an optional decoder under the GPL: "
                "pip install pylibjpeg-libjpeg"
            )
    if plugin not in available:
        raise ReadError(
            f"{path.name}: no decoder for {name} is installed; reinstall spinemorph with its "
            "dependencies"
        )
    return plugin


def _checked_frame(path: Path, dataset: Any, syntax: str) -> bytes:
    """The code stream; refused where its own header disagrees with the DICOM header about the size.

    Codecs trust their own header: a small file could ask for any amount of memory.
    """
    from pydicom.encaps import get_frame

    try:
        frame: bytes = get_frame(dataset.PixelData, 0, number_of_frames=1)
    except Exception as error:  # a damaged encapsulation raises many things
        raise ReadError(f"{path.name}: the compressed pixel data is damaged") from error
    if syntax == _RLE:
        return frame
    size = codestream_size(frame)
    if size is None:
        raise ReadError(f"{path.name}: the compressed pixel data is damaged: it has no header")
    wanted = (integer(dataset, "Rows"), integer(dataset, "Columns"))
    if size != wanted:
        raise ReadError(
            f"{path.name}: the compressed pixels are {size[0]} x {size[1]}, "
            f"the header says {wanted[0]} x {wanted[1]}"
        )
    return frame


def codestream_size(frame: bytes) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 code stream announces, or None."""
    start = frame[:4096].find(b"\xff\x4f\xff\x51")
    if start >= 0 and len(frame) >= start + 24:
        right, bottom, left, top = struct.unpack(">4I", frame[start + 8 : start + 24])
        return bottom - top, right - left
    if frame[:2] != b"\xff\xd8":
        return None
    position = 2
    while position + 9 <= len(frame):
        if frame[position] != 0xFF:
            return None
        marker = frame[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        # start-of-frame markers, without DHT (C4), JPG (C8) and DAC (CC); F7 is JPEG-LS
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            rows, columns = struct.unpack(">2H", frame[position + 5 : position + 9])
            return rows, columns
        position += 2 + struct.unpack(">H", frame[position + 2 : position + 4])[0]
    return None
