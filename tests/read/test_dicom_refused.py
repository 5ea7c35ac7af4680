"""DICOM files that are no film, damaged, or too large: one clear line, and no name of a patient."""

import struct
import zlib

import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
)

from spinemorph.errors import NotAFilm, ReadError
from spinemorph.read import read_radiograph
from spinemorph.read.pixels import codestream_size


@pytest.mark.parametrize("modality", ["CT", "MR", "MG", "US", "NM", "SR"])
def test_other_modalities_are_named(make_dicom, modality):
    with pytest.raises(NotAFilm, match=rf"film\.dcm: the modality is {modality}"):
        read_radiograph(make_dicom(Modality=modality))


def test_other_objects_are_named(make_dicom):
    with pytest.raises(NotAFilm, match="CT Image Storage"):
        read_radiograph(make_dicom(SOPClassUID="1.2.840.10008.5.1.4.1.1.2"))
    with pytest.raises(NotAFilm, match="DICOMDIR"):
        read_radiograph(make_dicom(SOPClassUID="1.2.840.10008.1.3.10"))


@pytest.mark.parametrize("modality", ["CR", "DX", "RF", "XA", "RG", "OT"])
def test_every_kind_of_film_is_read(make_dicom, modality):
    assert read_radiograph(make_dicom(Modality=modality)).source.modality == modality


def test_frames(make_dicom):
    with pytest.raises(NotAFilm, match="2 frames"):
        read_radiograph(make_dicom(NumberOfFrames=2))
    assert read_radiograph(make_dicom(NumberOfFrames=1)).rows == 80


def test_missing_and_cut_pixels(make_dicom):
    with pytest.raises(NotAFilm, match="no pixel data"):
        read_radiograph(make_dicom(drop=["PixelData"]))
    path = make_dicom()
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ReadError, match="cut off"):
        read_radiograph(path)


@pytest.mark.parametrize(
    ("size", "message"), [((20, 100), "64 pixels a side"), ((20000, 20000), "100 megapixels")]
)
def test_absurd_sizes_name_their_limit(make_dicom, size, message):
    with pytest.raises(NotAFilm, match=message):
        read_radiograph(make_dicom(Rows=size[0], Columns=size[1]))


def test_damaged_depth(make_dicom):
    with pytest.raises(NotAFilm, match="32 bits"):
        read_radiograph(make_dicom(BitsAllocated=32))
    with pytest.raises(ReadError, match="17 bits stored"):
        read_radiograph(make_dicom(BitsStored=17))


def test_sizes_of_code_streams():
    assert codestream_size(b"") is None
    assert codestream_size(b"\xff\xd8\xff\xda\0\0") is None
    sof = struct.pack(">HBHHB", 11, 12, 480, 640, 1)
    assert codestream_size(b"\xff\xd8\xff\xff\xe0\0\4ab\xff\xc3" + sof) == (480, 640)


def test_unknown_transfer_syntax(make_dicom, film):
    with pytest.raises(ReadError, match=r"1\.2\.840\.10008\.1\.2\.4\.100 is not supported"):
        read_radiograph(make_dicom(film, syntax="1.2.840.10008.1.2.4.100", frame=b"\0" * 64))


def test_a_deflated_bomb_is_not_unpacked(make_dicom, monkeypatch):
    path = make_dicom(syntax=DeflatedExplicitVRLittleEndian)
    data = path.read_bytes()
    start = 144 + pydicom.dcmread(path).file_meta.FileMetaInformationGroupLength
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    path.write_bytes(data[:start] + packer.compress(bytes(40_000_000)) + packer.flush())
    monkeypatch.setattr("spinemorph.read.dicom.MAX_BYTES", 1 << 20)
    with pytest.raises(ReadError, match="deflated data is too large"):
        read_radiograph(path)


def test_messages_never_tell_who_the_patient_is(make_dicom, caplog):
    secret = {"PatientName": "Secret^Name", "PatientID": "SECRET-ID"}
    for tags in ({"Modality": "CT"}, {"BitsStored": 17}, {"Rows": 9}, {"NumberOfFrames": 3}):
        with pytest.raises(ReadError) as caught:
            read_radiograph(make_dicom(**secret, **tags))
        assert "secret" not in str(caught.value).lower()
        assert "\n" not in str(caught.value)
    # the parser itself would quote what it finds wrong
    path = make_dicom(PatientBirthDate="19600101", **secret)
    path.write_bytes(path.read_bytes().replace(b"19600101", b"SECRETLY"))
    assert read_radiograph(path).source.birth_date is None
    assert caplog.text == ""
