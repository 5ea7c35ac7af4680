"""What the header of a DICOM file tells: source, facing, dates, spacing."""

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from spinemorph.read import read_radiograph

FULL = {"WindowCenter": 2048, "WindowWidth": 4096}


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
