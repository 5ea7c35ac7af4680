"""DICOM radiographs: which objects are films, and how they become one.

Computed and digital radiography, single-frame fluoroscopy and angiography, and secondary captures
of them. Messages name the file and the fault, never the value of a patient attribute.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.errors import NotAFilm, ReadError
from spinemorph.read.display import (
    DisplayHeader,
    LookUpTable,
    Window,
    WindowFunction,
    grey_table,
)
from spinemorph.read.limits import MAX_BYTES, check_size
from spinemorph.read.pixels import decoded, integer, stored_values
from spinemorph.read.quiet import quiet
from spinemorph.read.source import facing_of, numbers, source_of, text, values
from spinemorph.read.spacing import SpacingHeader, resolve_scale
from spinemorph.types import Radiograph

#: Modalities of projection radiographs (RG: digitised film), and what captures of them are sent as.
FILM_MODALITIES: Final = ("CR", "DX", "RF", "XA", "RG", "OT", "SC")

_STORAGE: Final = "1.2.840.10008.5.1.4.1.1"
#: SOP classes that may hold a film; those of the multi-frame kinds only with one frame.
FILM_CLASSES: Final = (
    f"{_STORAGE}.1",
    f"{_STORAGE}.1.1",
    f"{_STORAGE}.1.1.1",
    *(f"{_STORAGE}.7{suffix}" for suffix in ("", ".1", ".2", ".3", ".4")),
    *(f"{_STORAGE}.12.{suffix}" for suffix in ("1", "1.1", "2", "2.1")),
)
_DIRECTORY: Final = "1.2.840.10008.1.3.10"
_DEFLATED: Final = "1.2.840.10008.1.2.1.99"
_IMPLICIT: Final = "1.2.840.10008.1.2"

#: After the preamble, "DICM" and the element with the length of the rest of the meta information.
_META_INFORMATION: Final = 144
_CHUNK: Final = 1 << 24
#: Window and rescale values beyond this are damaged, and would leave the range of float32.
_LARGEST_NUMBER: Final = 1e9

#: What has to be read of a header to tell whether it is a film.
_DECISIVE: Final = ["SOPClassUID", "Modality", "NumberOfFrames", "Rows", "Columns"]


def read_dicom(
    path: Path, data: bytes, *, spacing: tuple[float, float] | None = None
) -> Radiograph:
    """The film in the bytes of a DICOM file. NotAFilm or ReadError where there is none."""
    with quiet():
        dataset = _parse(path, data)
        refuse_other_objects(path, dataset)
        if "PixelData" not in dataset:
            raise NotAFilm(f"{path.name}: the DICOM object has no pixel data")
        check_size(path, integer(dataset, "Rows", 0) or 0, integer(dataset, "Columns", 0) or 0)
        pixels = _grey(path, dataset)
        scale = resolve_scale(_spacing_header(dataset), spacing)
        source = source_of(path, hashlib.sha256(data).hexdigest(), dataset)
    return Radiograph(
        pixels=pixels,
        source=source,
        spacing=scale.spacing,
        aspect=scale.aspect,
        facing=facing_of(source.patient_orientation),
        flags=scale.flags,
    )


def reason_against(path: Path) -> str | None:
    """Why a DICOM file is not a film, judged by the start of its header; None if it may be one."""
    from pydicom import dcmread

    with quiet():
        try:
            with path.open("rb") as file:
                if is_deflated(file.read(2048)):
                    return None
            dataset = dcmread(
                path, stop_before_pixels=True, force=True, specific_tags=list(_DECISIVE)
            )
        except Exception:  # noqa: BLE001  the full reading will say what is wrong
            return None
        try:
            refuse_other_objects(path, dataset)
        except NotAFilm as error:
            return str(error).removeprefix(f"{path.name}: ")
    return None


def refuse_other_objects(path: Path, dataset: Any) -> None:
    """NotAFilm for an index, another modality, another kind of object, or several frames."""
    meta = getattr(dataset, "file_meta", None)
    kind = text(dataset, "SOPClassUID") or (text(meta, "MediaStorageSOPClassUID") if meta else None)
    modality = text(dataset, "Modality")
    if kind == _DIRECTORY:
        raise NotAFilm(f"{path.name}: is the index of a DICOM folder (DICOMDIR), not a film")
    if modality is not None and modality.upper() not in FILM_MODALITIES:
        shown = modality if modality.isalnum() and len(modality) <= 16 else "unknown"
        raise NotAFilm(
            f"{path.name}: the modality is {shown}; only radiographs are read "
            "(CR, DX, RF, XA, RG, or secondary captures of them)"
        )
    if kind is not None and kind.startswith(_STORAGE + ".") and kind not in FILM_CLASSES:
        from pydicom.uid import UID

        raise NotAFilm(f"{path.name}: is a {UID(kind).name} object, not a radiograph")
    frames = integer(dataset, "NumberOfFrames", 1) or 1
    if frames > 1:
        raise NotAFilm(f"{path.name}: has {frames} frames; only single films are read")


def _parse(path: Path, data: bytes) -> Any:
    from pydicom import dcmread

    try:
        _refuse_bomb(path, data)
        dataset = dcmread(BytesIO(data), force=True)
        dataset.get("PixelData")  # elements are parsed when they are asked for
    except ReadError:
        raise
    except Exception as error:  # the parser raises many things on damaged files
        raise ReadError(f"{path.name}: the DICOM file is damaged or cut off") from error
    if not any(keyword in dataset for keyword in ("SOPClassUID", "Modality", "Rows")):
        raise ReadError(f"{path.name}: the DICOM file is damaged or cut off: it has no header")
    return dataset


def _refuse_bomb(path: Path, data: bytes) -> None:
    """ReadError where a deflated data set would unpack to more than MAX_BYTES."""
    if not is_deflated(data):
        return
    start = _META_INFORMATION + struct.unpack_from("<I", data, _META_INFORMATION - 4)[0]
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    rest, unpacked = data[start:], 0
    while rest and not unpacker.eof:
        unpacked += len(unpacker.decompress(rest, _CHUNK))
        rest = unpacker.unconsumed_tail
        if unpacked > MAX_BYTES:
            raise ReadError(
                f"{path.name}: the deflated data is too large; the limit is {MAX_BYTES >> 30} GiB"
            )


def is_deflated(start: bytes) -> bool:
    """Whether the file meta information names the deflated transfer syntax."""
    return _DEFLATED.encode() in start[132:2048]


def _spacing_header(dataset: Any) -> SpacingHeader:
    return SpacingHeader(
        pixel_spacing=numbers(dataset, "PixelSpacing"),
        calibration_type=(text(dataset, "PixelSpacingCalibrationType") or "").upper() or None,
        imager_pixel_spacing=numbers(dataset, "ImagerPixelSpacing"),
        magnification=numbers(dataset, "EstimatedRadiographicMagnificationFactor"),
        source_to_detector=numbers(dataset, "DistanceSourceToDetector"),
        source_to_patient=numbers(dataset, "DistanceSourceToPatient"),
        pixel_aspect_ratio=numbers(dataset, "PixelAspectRatio"),
    )


def _grey(path: Path, dataset: Any) -> NDArray[np.float32]:
    """The film as displayed: float32 (rows, columns), 0 to 1, bone bright."""
    meta = getattr(dataset, "file_meta", None)
    syntax = (text(meta, "TransferSyntaxUID") if meta else None) or _IMPLICIT
    photometric = (text(dataset, "PhotometricInterpretation") or "MONOCHROME2").upper()
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        return _luminance(path, dataset, syntax, photometric)
    stored = stored_values(path, dataset, syntax)
    first = int(stored.min())
    stored -= first
    histogram = np.bincount(stored.ravel())
    table: NDArray[np.float32] = grey_table(first, histogram, _display_header(dataset, photometric))
    return np.asarray(table.take(stored))


def _luminance(path: Path, dataset: Any, syntax: str, photometric: str) -> NDArray[np.float32]:
    """The brightness of a colour capture (ITU-R BT.601)."""
    array = decoded(path, dataset, syntax)
    try:
        if photometric == "PALETTE COLOR":
            from pydicom.pixels import apply_color_lut

            array = apply_color_lut(array, dataset)
            largest = float(np.iinfo(array.dtype).max)
        else:
            largest = float(2 ** (integer(dataset, "BitsStored") or 8) - 1)
        if array.ndim != 3 or array.shape[2] != 3:
            raise ValueError(array.shape)
    except Exception as error:  # damaged palettes raise many things
        raise ReadError(f"{path.name}: the colours of the image are damaged") from error
    grey = array.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(np.clip(grey / np.float32(largest), 0, 1))


def _display_header(dataset: Any, photometric: str) -> DisplayHeader:
    slope = _first(dataset, "RescaleSlope", 1.0)
    modality = _tables(dataset, "ModalityLUTSequence")
    shape = (text(dataset, "PresentationLUTShape") or "").upper()
    return DisplayHeader(
        slope=slope if slope != 0 else 1.0,
        intercept=_first(dataset, "RescaleIntercept", 0.0),
        modality_table=modality[0] if modality else None,
        voi_tables=_tables(dataset, "VOILUTSequence"),
        windows=_windows(dataset),
        # INVERSE says how MONOCHROME1 is meant, it does not turn it back
        inverted=photometric == "MONOCHROME1" or shape == "INVERSE",
        padding=_padding(dataset),
    )


def _first(dataset: Any, keyword: str, default: float) -> float:
    found = numbers(dataset, keyword)
    return found[0] if found and abs(found[0]) < _LARGEST_NUMBER else default


def _windows(dataset: Any) -> tuple[Window, ...]:
    """The usable windows, in the order of the header."""
    centres = numbers(dataset, "WindowCenter") or ()
    widths = numbers(dataset, "WindowWidth") or ()
    named = (text(dataset, "VOILUTFunction") or "LINEAR").upper()
    function: WindowFunction = "LINEAR"
    if named in ("LINEAR_EXACT", "SIGMOID"):
        function = named  # type: ignore[assignment]
    smallest = 1 if function == "LINEAR" else 0
    return tuple(
        Window(centre, width, function)
        for centre, width in zip(centres, widths, strict=False)
        if abs(centre) < _LARGEST_NUMBER and smallest < width < _LARGEST_NUMBER
    )


def _tables(dataset: Any, keyword: str) -> tuple[LookUpTable, ...]:
    """The sound look-up tables of a sequence; a damaged one is passed over."""
    found = []
    for item in values(dataset, keyword) or []:
        descriptor = numbers(item, "LUTDescriptor")
        if not descriptor or len(descriptor) != 3 or not np.isfinite(descriptor).all():
            continue
        # 0 entries stand for 65536, which does not fit into 16 bits (PS3.3 C.11.1.1.1)
        count, first = int(descriptor[0]) or 65536, int(descriptor[1])
        if first > 32767 and integer(dataset, "PixelRepresentation", 0) == 1:
            first -= 65536
        entries = _entries(item, count)
        if entries is not None and entries.max() > entries.min():
            found.append(LookUpTable(first, entries))
    return tuple(found)


def _entries(item: Any, count: int) -> NDArray[np.float64] | None:
    """LUTData as numbers: 16-bit words, or bytes where the table is as long as it has entries."""
    given = values(item, "LUTData")
    if not given:
        return None
    if isinstance(given[0], bytes):
        raw = given[0]
        words = "<u2" if item.original_encoding[1] is not False else ">u2"
        kind = np.dtype(words) if len(raw) >= 2 * count else np.dtype(np.uint8)
        if len(raw) < count * kind.itemsize:
            return None
        return np.frombuffer(raw, kind, count).astype(np.float64)
    entries = np.asarray(numbers(item, "LUTData"), dtype=np.float64) % 65536
    return entries[:count] if len(entries) >= count and np.isfinite(entries).all() else None


def _padding(dataset: Any) -> tuple[int, int] | None:
    """The range of stored values that are padding, by PixelPaddingValue and its limit."""
    value = integer(dataset, "PixelPaddingValue")
    if value is None:
        return None
    limit = integer(dataset, "PixelPaddingRangeLimit", value)
    return value, value if limit is None else limit
