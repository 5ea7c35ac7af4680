"""Small films made on the spot: no file of a patient is needed to test reading."""

import struct

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

DX = "1.2.840.10008.5.1.4.1.1.1.1"


def ramp(rows=80, columns=72, largest=4095):
    """Integers rising evenly from 0 at the top left to ``largest`` at the bottom right."""
    return np.linspace(0, largest, rows * columns).round().astype(np.uint16).reshape(rows, columns)


def dataset_of(array, *, syntax=ExplicitVRLittleEndian, frame=None, bits=12, signed=False, **tags):
    """A DX object of stored values; ``frame``: the compressed code stream, where there is one."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = tags.get("SOPClassUID", DX)
    meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    meta.TransferSyntaxUID = UID(syntax)
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.Modality = "DX"
    dataset.Rows, dataset.Columns = array.shape[:2]
    dataset.SamplesPerPixel = 1 if array.ndim == 2 else array.shape[2]
    if array.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "MONOCHROME2" if array.ndim == 2 else "RGB"
    dataset.BitsAllocated = 8 * array.dtype.itemsize
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = int(signed)
    if frame is not None:
        dataset.PixelData = encapsulate([frame])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    elif syntax == ExplicitVRBigEndian:
        dataset.PixelData = array.astype(array.dtype.newbyteorder(">")).tobytes()
    else:
        dataset.PixelData = array.tobytes()
    if array.dtype.itemsize == 2 and frame is None:
        dataset["PixelData"].VR = "OW"
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


def jpeg_lossless_of(array, bits, *, predictor):
    """A lossless JPEG code stream (ITU-T T.81, annex H): predictor 1 is left, 2 is above."""
    values = array.astype(np.int64)
    predicted = np.empty_like(values)
    predicted[:, 1:] = values[:, :-1]
    predicted[1:, 0] = values[:-1, 0]
    predicted[0, 0] = 1 << (bits - 1)
    if predictor == 2:
        predicted[1:] = values[:-1]
    differences = ((values - predicted + 32768) % 65536 - 32768).ravel().tolist()
    # every category 0 to 16 has a code of five bits: the category itself
    pieces = []
    for difference in differences:
        size = 16 if difference == -32768 else abs(difference).bit_length()
        pieces.append(f"{size:05b}")
        if 0 < size < 16:
            low = difference if difference > 0 else difference + (1 << size) - 1
            pieces.append(f"{low:0{size}b}")
    string = "".join(pieces)
    string += "1" * (-len(string) % 8)
    scan = int(string, 2).to_bytes(len(string) // 8, "big").replace(b"\xff", b"\xff\0")
    frame = b"\xff\xc3" + struct.pack(">HBHHB3B", 11, bits, *array.shape, 1, 1, 0x11, 0)
    counts = [0, 0, 0, 0, 17] + [0] * 11
    huffman = b"\xff\xc4" + struct.pack(">HB", 36, 0) + bytes(counts) + bytes(range(17))
    start = b"\xff\xda" + struct.pack(">HB2B3B", 8, 1, 1, 0, predictor, 0, 0)
    return b"\xff\xd8" + frame + huffman + start + scan + b"\xff\xd9"


@pytest.fixture
def jpeg_lossless():
    return jpeg_lossless_of


@pytest.fixture
def make_dataset():
    return dataset_of


@pytest.fixture
def make_dicom(tmp_path):
    """Writes a DICOM film and gives its path."""

    def make(array=None, *, name="film.dcm", drop=(), **settings):
        dataset = dataset_of(ramp() if array is None else array, **settings)
        for keyword in drop:
            del dataset[keyword]
        path = tmp_path / name
        syntax = dataset.file_meta.TransferSyntaxUID
        pydicom.dcmwrite(
            path,
            dataset,
            implicit_vr=syntax == ImplicitVRLittleEndian,
            little_endian=syntax != ExplicitVRBigEndian,
            enforce_file_format=True,
        )
        return path

    return make


@pytest.fixture
def film():
    return ramp()


@pytest.fixture
def make_ramp():
    return ramp
