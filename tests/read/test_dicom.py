import struct
import zlib
from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels import get_encoder
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from spinemorph.errors import NotAFilm, ReadError
from spinemorph.read import read_radiograph
from spinemorph.read.pixels import codestream_size

FULL = {"WindowCenter": 2048, "WindowWidth": 4096}
NATIVE = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


def as_grey(array, largest=4095):
    return array.astype(np.float64) / largest


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda uid: uid.name)
def test_uncompressed_pixels_come_back_exactly(make_dicom, film, syntax):
    radiograph = read_radiograph(make_dicom(syntax=syntax, **FULL))
    assert radiograph.pixels == pytest.approx(as_grey(film), abs=1e-6)
    assert not radiograph.pixels.flags.writeable


def encoded(array, syntax, bits, make_dataset, jpeg_lossless, **tags):
    if syntax in (JPEGLosslessSV1, pydicom.uid.JPEGLossless):
        return jpeg_lossless(array, bits, predictor=1 if syntax == JPEGLosslessSV1 else 2)
    dataset = make_dataset(array, bits=bits, **tags)
    options = {"jls_error": 2} if syntax == pydicom.uid.JPEGLSNearLossless else {}
    if syntax == pydicom.uid.JPEG2000:
        options = {"j2k_psnr": [90]}
    return get_encoder(syntax).encode(dataset, index=0, **options)


LOSSLESS = [
    pydicom.uid.JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    RLELossless,
]


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda uid: uid.name)
def test_lossless_compression_comes_back_exactly(
    make_dicom, make_dataset, jpeg_lossless, make_ramp, syntax, bits
):
    array = make_ramp(largest=2**bits - 1).astype(np.uint8 if bits == 8 else np.uint16)
    frame = encoded(array, syntax, bits, make_dataset, jpeg_lossless)
    path = make_dicom(
        array,
        syntax=syntax,
        frame=frame,
        bits=bits,
        WindowCenter=2 ** (bits - 1),
        WindowWidth=2**bits,
    )
    pixels = read_radiograph(path).pixels
    assert pixels == pytest.approx(as_grey(array, 2**bits - 1), abs=1e-6)


@pytest.mark.parametrize(
    "syntax", [pydicom.uid.JPEGLSNearLossless, pydicom.uid.JPEG2000], ids=lambda uid: uid.name
)
def test_lossy_compression_comes_back_nearly(make_dicom, make_dataset, jpeg_lossless, film, syntax):
    frame = encoded(film, syntax, 12, make_dataset, jpeg_lossless)
    pixels = read_radiograph(make_dicom(film, syntax=syntax, frame=frame, **FULL)).pixels
    assert pixels == pytest.approx(as_grey(film), abs=5e-3)


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit], ids=lambda uid: uid.name)
def test_jpeg_of_8_bits(make_dicom, make_ramp, syntax):
    array = make_ramp(largest=255).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", quality=98)
    path = make_dicom(
        array,
        syntax=syntax,
        frame=buffer.getvalue(),
        bits=8,
        WindowCenter=128,
        WindowWidth=256,
    )
    assert read_radiograph(path).pixels == pytest.approx(as_grey(array, 255), abs=0.02)


def test_12_bit_jpeg_extended_names_the_optional_decoder(make_dicom, film):
    frame = (
        b"\xff\xd8\xff\xc1" + struct.pack(">HBHHB", 11, 12, *film.shape, 1) + b"\1\x11\0\xff\xd9"
    )
    with pytest.raises(ReadError, match="pip install pylibjpeg-libjpeg"):
        read_radiograph(make_dicom(film, syntax=JPEGExtended12Bit, frame=frame))


def test_signed_values_and_compression_of_them(make_dicom, make_dataset, jpeg_lossless, film):
    signed = film.astype(np.int16) - 2048
    window = {"WindowCenter": 0, "WindowWidth": 4096}
    native = read_radiograph(make_dicom(signed, signed=True, **window))
    assert native.pixels == pytest.approx(as_grey(film), abs=1e-6)
    for syntax in (JPEG2000Lossless, RLELossless, JPEGLSLossless):
        frame = encoded(signed, syntax, 12, make_dataset, jpeg_lossless, PixelRepresentation=1)
        path = make_dicom(signed, syntax=syntax, frame=frame, signed=True, **window)
        assert read_radiograph(path).pixels == pytest.approx(as_grey(film), abs=1e-6)


def test_overlay_bits_are_masked(make_dicom, film):
    drawn = film.copy()
    drawn[10:20] |= 0x8000
    assert read_radiograph(make_dicom(drawn, **FULL)).pixels == pytest.approx(
        as_grey(film), abs=1e-6
    )


@pytest.mark.parametrize("syntax", NATIVE[1:3], ids=lambda uid: uid.name)
def test_values_in_the_upper_bits_are_shifted_down(make_dicom, film, syntax):
    path = make_dicom((film << 4) | 0x5, syntax=syntax, HighBit=15, **FULL)
    assert read_radiograph(path).pixels == pytest.approx(as_grey(film), abs=1e-6)


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME2", None, False),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME1", None, True),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME2", "INVERSE", True),
    ],
)
def test_bone_is_bright_after_reading(make_dicom, film, photometric, shape, inverted):
    tags = {"PhotometricInterpretation": photometric, **FULL}
    if shape:
        tags["PresentationLUTShape"] = shape
    pixels = read_radiograph(make_dicom(**tags)).pixels
    assert pixels == pytest.approx(1 - as_grey(film) if inverted else as_grey(film), abs=1e-6)


def test_rescale_comes_before_the_window(make_dicom, film):
    path = make_dicom(RescaleSlope=0.5, RescaleIntercept=-100, WindowCenter=924, WindowWidth=2048.5)
    assert read_radiograph(path).pixels == pytest.approx(as_grey(film), abs=2e-3)


@pytest.mark.parametrize("width", ["0", "-5", "nan", "junk"])
def test_a_damaged_window_is_ignored(make_dicom, film, width):
    path = make_dicom(WindowCenter=2048, WindowWidth="4096")
    data = path.read_bytes()
    old = b"\x28\x00\x51\x10DS\x04\x004096"
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, old[:-4] + width.ljust(4).encode()))
    assert read_radiograph(path).pixels == pytest.approx(as_grey(film), abs=5e-3)


def lut(entries, first=0, bits=12):
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 65536, first, bits]
    item["LUTDescriptor"].VR = "US"
    item.LUTData = np.asarray(entries, "<u2").tobytes()
    item["LUTData"].VR = "OW"
    return Sequence([item])


def test_voi_and_modality_tables(make_dicom, film):
    curve = (np.linspace(0, 1, 4096) ** 2 * 4095).round().astype(int)
    pixels = read_radiograph(make_dicom(VOILUTSequence=lut(curve))).pixels
    assert pixels == pytest.approx(as_grey(curve[film]), abs=1e-6)
    pixels = read_radiograph(make_dicom(ModalityLUTSequence=lut(curve), **FULL)).pixels
    assert pixels == pytest.approx(as_grey(curve[film]), abs=1e-6)


def test_a_damaged_table_is_passed_over(make_dicom, film):
    sequence = lut(range(4096))
    sequence[0].LUTData = b"\0\0"
    pixels = read_radiograph(make_dicom(VOILUTSequence=sequence, **FULL)).pixels
    assert pixels == pytest.approx(as_grey(film), abs=1e-6)


def test_pixel_padding_is_black(make_dicom, film):
    padded = film.copy()
    padded[:, :5] = 4095
    path = make_dicom(
        padded, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=4095, **FULL
    )
    pixels = read_radiograph(path).pixels
    assert pixels[:, :5].max() == 0
    assert pixels[:-1, 5:] == pytest.approx(1 - as_grey(film)[:-1, 5:], abs=1e-6)


def test_colour_captures_become_brightness(make_dicom, make_ramp):
    grey = make_ramp(largest=255).astype(np.uint8)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    capture = {"bits": 8, "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "Modality": "OT"}
    pixels = read_radiograph(make_dicom(rgb, **capture)).pixels
    assert pixels == pytest.approx(as_grey(grey, 255), abs=1e-3)
    ybr = np.stack([grey, np.full_like(grey, 128), np.full_like(grey, 128)], axis=2)
    path = make_dicom(ybr, PhotometricInterpretation="YBR_FULL", **capture)
    assert read_radiograph(path).pixels == pytest.approx(as_grey(grey, 255), abs=1e-2)


def test_palette_captures_become_brightness(make_dicom, make_ramp):
    index = make_ramp(largest=255).astype(np.uint8)
    table = (np.arange(256)[::-1] * 257).astype("<u2")
    tags = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tags[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
    pixels = read_radiograph(make_dicom(index, bits=8, **tags)).pixels
    assert pixels == pytest.approx(1 - as_grey(index, 255), abs=1e-3)
    del tags["RedPaletteColorLookupTableData"]
    with pytest.raises(ReadError, match="colours"):
        read_radiograph(make_dicom(index, bits=8, **tags))


def test_the_header_becomes_the_source(make_dicom):
    code, modifier = Dataset(), Dataset()
    code.CodeMeaning, modifier.CodeMeaning = "Erect", "Standing"
    code.PatientOrientationModifierCodeSequence = Sequence([modifier])
    radiograph = read_radiograph(
        make_dicom(
            PatientID="P 1",
            PatientName="Test^Phantom",
            PatientBirthDate="19600229",
            PatientSex="F",
            StudyDate="20240131",
            AcquisitionDate="20240201",
            AcquisitionTime="101502.25",
            ViewPosition="LL",
            PatientOrientation=["A", "F"],
            PatientOrientationCodeSequence=Sequence([code]),
            ImagerPixelSpacing=[0.2, 0.1],
            EstimatedRadiographicMagnificationFactor=1.25,
            SeriesDescription="LWS seitlich",
        )
    )
    source = radiograph.source
    assert source.file == "film.dcm"
    assert len(source.sha256) == 64
    assert (source.patient_id, source.patient_name, source.sex) == ("P 1", "Test^Phantom", "F")
    assert (source.birth_date, source.study_date) == ("1960-02-29", "2024-01-31")
    assert source.acquired_at == "2024-02-01T10:15:02"
    assert source.body_position == "erect, standing"
    assert (source.view_position, source.patient_orientation) == ("LL", "A\\F")
    assert (source.modality, source.description) == ("DX", "LWS seitlich")
    assert radiograph.facing == "right"
    assert radiograph.spacing.basis == "estimated"
    assert (radiograph.spacing.row, radiograph.aspect) == (pytest.approx(0.16), 2)
    assert radiograph.flags == ("estimated_scale",)


@pytest.mark.parametrize(
    ("orientation", "facing"),
    [
        (["A", "F"], "right"),
        (["P", "F"], "left"),
        (["AL", "F"], "right"),
        (["PR", "FA"], "left"),
        (["L", "F"], None),
        (["H", "A"], None),
        ("", None),
    ],
)
def test_patient_orientation_gives_the_facing(make_dicom, orientation, facing):
    assert read_radiograph(make_dicom(PatientOrientation=orientation)).facing == facing


def test_impossible_dates_and_values_are_none(make_dicom):
    source = read_radiograph(
        make_dicom(PatientSex="O", PatientPosition="HFP", AcquisitionDateTime="202402011015+0100")
    ).source
    assert (source.sex, source.body_position) == ("O", "prone")
    assert source.acquired_at == "2024-02-01T10:15:00"
    assert source.birth_date is None
    assert source.study_date is None


def test_a_damaged_pixel_spacing_is_flagged(make_dicom):
    path = make_dicom(PixelSpacing=[0.15, 0.15])
    data = path.read_bytes()
    assert data.count(b"0.15\\0.15") == 1
    path.write_bytes(data.replace(b"0.15\\0.15", b"0,15\\junk"))
    radiograph = read_radiograph(path)
    assert radiograph.spacing is None
    assert set(radiograph.flags) == {"no_pixel_spacing", "invalid_pixel_spacing"}
    assert read_radiograph(path, spacing=(0.2, 0.2)).spacing.basis == "user"


def test_nominal_spacing_never_gives_millimetres(make_dicom):
    radiograph = read_radiograph(
        make_dicom(NominalScannedPixelSpacing=[0.2, 0.1], PixelAspectRatio=[3, 2])
    )
    assert radiograph.spacing is None
    assert radiograph.aspect == 1.5


def test_files_without_a_preamble_are_read(make_dicom, film):
    path = make_dicom(syntax=ImplicitVRLittleEndian, **FULL)
    dataset = pydicom.dcmread(path)
    bare = path.with_name("bare")
    del dataset.file_meta
    pydicom.dcmwrite(bare, dataset, implicit_vr=True, little_endian=True)
    bare.write_bytes(bare.read_bytes().removeprefix(b"\0" * 128 + b"DICM"))
    assert read_radiograph(bare).pixels == pytest.approx(as_grey(film), abs=1e-6)


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


def test_a_code_stream_of_another_size_is_not_decoded(
    make_dicom, make_dataset, jpeg_lossless, film, make_ramp
):
    frame = encoded(make_ramp(200, 300), JPEG2000Lossless, 12, make_dataset, jpeg_lossless)
    with pytest.raises(ReadError, match="200 x 300"):
        read_radiograph(make_dicom(film, syntax=JPEG2000Lossless, frame=frame))


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
