"""A simulated film as a DICOM file of digital radiography (PS3.3 A.26), marked as simulated."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph import __version__
from spinemorph.simulate.truth import SimulatedFilm

_BITS: Final = 12
_LARGEST: Final = 2**_BITS - 1
#: Of a usual lateral lumbar film: 115 cm from the focus to the detector, 92 cm to the spine.
MAGNIFICATION: Final = 1.25
_DX_FOR_PRESENTATION: Final = "1.2.840.10008.5.1.4.1.1.1.1"
_EXPLICIT_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1"
#: The space of names under which the UIDs of simulated films are made (UUID version 5).
_NAMES: Final = uuid.UUID("6a8f1c52-6d0e-5b0c-9a57-0b6a54f3c0de")


def write_dicom(
    film: SimulatedFilm,
    path: Path,
    *,
    rows: int | None = None,
    columns: int | None = None,
    magnification: float = MAGNIFICATION,
) -> None:
    """Write ``film`` to ``path`` as a 12-bit DX object for presentation.

    ``rows``, ``columns``: resample to this size; with one of them the other follows, with none
    the film keeps its size. Pixel x, y of the truth becomes (x + 0.5) * columns / old - 0.5, and
    y likewise. The header holds the pixel size at the detector and ``magnification``, which
    together give the true pixel size at the spine. The same film always gives the same file.
    ValueError for a size or a magnification that is not positive.
    """
    height, width = film.pixels.shape
    if rows is None and columns is None:
        rows, columns = height, width
    elif rows is None and columns is not None:
        rows = round(height * columns / width)
    elif columns is None and rows is not None:
        columns = round(width * rows / height)
    if not (rows and columns and rows > 0 and columns > 0 and magnification >= 1):
        raise ValueError(f"not a size and a magnification: {rows} x {columns}, {magnification}")
    stored = _stored(film.pixels, rows, columns)
    at_detector = film.truth.spacing_mm * magnification
    dataset = _dataset(film, stored)
    dataset.ImagerPixelSpacing = [
        _decimal(at_detector * height / rows),
        _decimal(at_detector * width / columns),
    ]
    dataset.EstimatedRadiographicMagnificationFactor = _decimal(magnification)
    dataset.save_as(path, enforce_file_format=True)


def _stored(pixels: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.uint16]:
    height, width = pixels.shape
    if (rows, columns) != (height, width):
        smaller = rows < height or columns < width
        way = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        pixels = np.asarray(cv2.resize(pixels, (columns, rows), interpolation=way), np.float32)
    return np.rint(np.clip(pixels, 0, 1) * _LARGEST).astype("<u2")


def _dataset(film: SimulatedFilm, stored: NDArray[np.uint16]) -> Any:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID

    name = f"{film.seed} {hashlib.sha256(stored.tobytes()).hexdigest()}"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(_DX_FOR_PRESENTATION)
    meta.MediaStorageSOPInstanceUID = UID(_uid(f"{name} instance"))
    meta.TransferSyntaxUID = UID(_EXPLICIT_LITTLE_ENDIAN)
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    for attributes in (
        _identity(film, name, meta),
        _acquisition(film),
        _image(film, stored),
    ):
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
    dataset["PixelData"].VR = "OW"
    return dataset


def _identity(film: SimulatedFilm, name: str, meta: Any) -> dict[str, Any]:
    """Patient, study, series, equipment and SOP common modules."""
    said = "Simulated film, no patient"
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": meta.MediaStorageSOPClassUID,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "PatientName": "SIMULATED^FILM",
        "PatientID": "SIMULATED",
        "PatientBirthDate": "",
        "PatientSex": "",
        "PatientComments": said,
        "StudyInstanceUID": _uid(f"{name} study"),
        "StudyDate": "",
        "StudyTime": "",
        "StudyID": str(film.seed)[:16],
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "StudyDescription": said,
        "SeriesInstanceUID": _uid(f"{name} series"),
        "SeriesNumber": 1,
        "SeriesDescription": said,
        "Modality": "DX",
        "PresentationIntentType": "FOR PRESENTATION",
        "Manufacturer": "spinemorph",
        "ManufacturerModelName": "film simulator",
        "DeviceSerialNumber": "0",
        "SoftwareVersions": __version__,
        "InstanceNumber": 1,
        "ContentDate": "",
        "ContentTime": "",
        "ImageComments": said,
    }


def _acquisition(film: SimulatedFilm) -> dict[str, Any]:
    """DX anatomy, detector, positioning and acquisition context modules."""
    lateral = film.truth.view == "lateral"
    along_rows = "P" if film.truth.facing == "left" else "A"
    return {
        "BodyPartExamined": "LSPINE",
        "AnatomicRegionSequence": [_code("122496007", "SCT", "Lumbar spine")],
        "ImageLaterality": "U",
        "PatientOrientation": [along_rows if lateral else "L", "F"],
        "ViewPosition": "LL" if lateral else "AP",
        "PatientOrientationCodeSequence": [_code("10904000", "SCT", "erect")],
        "PositionerType": "NONE",
        "DetectorType": "",
        "AcquisitionContextSequence": [],
    }


def _image(film: SimulatedFilm, stored: NDArray[np.uint16]) -> dict[str, Any]:
    """General image, image pixel, DX image and VOI LUT modules."""
    return {
        "ImageType": ["DERIVED", "PRIMARY", ""],
        "DerivationDescription": "Projection of a virtual spine",
        "Rows": stored.shape[0],
        "Columns": stored.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": _BITS,
        "HighBit": _BITS - 1,
        "PixelRepresentation": 0,
        "PixelIntensityRelationship": "LOG",
        # -1: brighter is less radiation (bone bright), +1: the film is shown inverted
        "PixelIntensityRelationshipSign": 1 if film.truth.inverted else -1,
        "RescaleIntercept": 0,
        "RescaleSlope": 1,
        "RescaleType": "US",
        "PresentationLUTShape": "IDENTITY",
        "LossyImageCompression": "00",
        "BurnedInAnnotation": "NO",
        "WindowCenter": (_LARGEST + 1) // 2,
        "WindowWidth": _LARGEST + 1,
        "PixelData": stored.tobytes(),
    }


def _code(value: str, scheme: str, meaning: str) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _uid(name: str) -> str:
    """A UID of the kind that needs no registration (PS3.5 B.2), always the same for a name."""
    return f"2.25.{uuid.uuid5(_NAMES, name).int}"


def _decimal(value: float) -> str:
    """A number in the 16 characters that DICOM allows."""
    return f"{value:.10f}"[:16]
