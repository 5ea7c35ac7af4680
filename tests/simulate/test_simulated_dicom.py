from dataclasses import replace

import numpy as np
import pydicom
import pytest

from spinemorph.read import read_radiograph
from spinemorph.simulate.dicom import write_dicom
from spinemorph.simulate.truth import SimulatedFilm, Truth

TRUTH = Truth((), (), "left", "lateral", 0.4, inverted=False, measurements=())


def drawn(**changes):
    """A smooth film with grey values from black to white."""
    y, x = np.mgrid[:300, :140]
    pixels = 0.5 + 0.5 * np.sin(y / 40) * np.cos(x / 35)
    return SimulatedFilm(pixels.astype(np.float32), replace(TRUTH, **changes), seed=7)


def test_what_is_written_is_read_again(tmp_path):
    film = drawn()
    write_dicom(film, tmp_path / "film.dcm")
    radiograph = read_radiograph(tmp_path / "film.dcm")
    assert radiograph.pixels == pytest.approx(film.pixels, abs=0.6 / 4095)
    assert radiograph.facing == "left"
    assert radiograph.spacing.basis == "estimated"
    assert (radiograph.spacing.row, radiograph.spacing.column) == pytest.approx((0.4, 0.4))
    assert radiograph.source.patient_id == "SIMULATED"
    assert radiograph.source.description == "Simulated film, no patient"
    assert radiograph.source.body_position == "erect"


def test_resampling_keeps_the_size_of_the_patient(tmp_path):
    film = drawn()
    write_dicom(film, tmp_path / "film.dcm", rows=600, columns=210, magnification=1.1)
    radiograph = read_radiograph(tmp_path / "film.dcm")
    assert (radiograph.rows, radiograph.columns) == (600, 210)
    assert radiograph.rows * radiograph.spacing.row == pytest.approx(300 * 0.4)
    assert radiograph.columns * radiograph.spacing.column == pytest.approx(140 * 0.4)
    # the centre of old pixel (x, y) = (70, 150) lies at (105.25, 300.5)
    seen = radiograph.pixels[300:302, 105].mean()
    assert seen == pytest.approx(film.pixels[150, 70], abs=0.01)


@pytest.mark.parametrize("given", [{"rows": 600}, {"columns": 280}])
def test_one_side_gives_the_other(tmp_path, given):
    write_dicom(drawn(), tmp_path / "film.dcm", **given)
    radiograph = read_radiograph(tmp_path / "film.dcm")
    assert (radiograph.rows, radiograph.columns) == (600, 280)


def test_the_same_film_gives_the_same_file(tmp_path):
    for name in ("one", "two"):
        write_dicom(drawn(), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    write_dicom(replace(drawn(), seed=8), tmp_path / "two")
    first, second = (pydicom.dcmread(tmp_path / name) for name in ("one", "two"))
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SOPInstanceUID.is_valid
    assert len({first.SOPInstanceUID, first.StudyInstanceUID, first.SeriesInstanceUID}) == 3


def test_the_header_is_that_of_a_dx_film(tmp_path):
    write_dicom(drawn(facing="right"), tmp_path / "film.dcm")
    dataset = pydicom.dcmread(tmp_path / "film.dcm")
    assert dataset.SOPClassUID.name == "Digital X-Ray Image Storage - For Presentation"
    assert (dataset.BitsStored, dataset.HighBit, dataset.BitsAllocated) == (12, 11, 16)
    assert dataset.PixelIntensityRelationshipSign == -1
    assert list(dataset.PatientOrientation) == ["A", "F"]
    assert dataset.ViewPosition == "LL"
    assert dataset.BurnedInAnnotation == "NO"
    assert dataset.ImageComments == "Simulated film, no patient"
    assert dataset.PatientBirthDate == ""


def test_other_views_and_polarity(tmp_path):
    write_dicom(drawn(view="ap", inverted=True), tmp_path / "film.dcm")
    dataset = pydicom.dcmread(tmp_path / "film.dcm")
    assert list(dataset.PatientOrientation) == ["L", "F"]
    assert dataset.ViewPosition == "AP"
    assert dataset.PixelIntensityRelationshipSign == 1
    assert read_radiograph(tmp_path / "film.dcm").facing is None


@pytest.mark.parametrize("wrong", [{"rows": 0}, {"columns": -5}, {"magnification": 0.5}])
def test_impossible_sizes(tmp_path, wrong):
    with pytest.raises(ValueError, match="not a size"):
        write_dicom(drawn(), tmp_path / "film.dcm", **wrong)
