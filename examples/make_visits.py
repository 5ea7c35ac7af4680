"""Make films of one simulated patient before and after surgery.

    python examples/make_visits.py --anatomy DIR -o FOLDER --report reports/sample_comparison

With ``--report`` they are analysed and compared too: the study of each film goes to examples/visits,
the comparison to the folder named. Three films: before surgery; six weeks after a cage and screws at
L4/5 raised the disc and gave it lordosis; a year later, when the cage has settled. The last film was
taken with another pixel size. What was done is printed, so that a comparison can be checked against it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pydicom

from spinemorph.compare import CompareOptions, compare_studies, write_comparison
from spinemorph.pipeline import Options, Pipeline
from spinemorph.plugins import load_plugins
from spinemorph.report.json_writer import JsonWriter
from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.dicom import write_dicom
from spinemorph.simulate.followup import SegmentChange, Visit, simulate_follow_up
from spinemorph.simulate.implants import ImplantPlan
from spinemorph.simulate.settings import Settings

DAY_OF_SURGERY = "2024-01-30"
SEED, ROWS, COLUMNS = 52, 1600, 860
SURGERY = (SegmentChange("L4", height_mm=4.0, angle_deg=9.0),)
SETTLED = (SegmentChange("L4", height_mm=-3.5),)
PLAN = ImplantPlan(screws=("L4", "L5"), cages=("L4",))
VISITS = (
    ("before", "20240110", Visit(1), 1.25),
    ("six_weeks", "20240312", Visit(2, SURGERY, plan=PLAN), 1.25),
    ("one_year", "20250204", Visit(3, SURGERY, SETTLED, PLAN), 1.15),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    settings = Settings.load(Path(__file__).parent / "settings.json")
    bones = load_anatomy(options.anatomy)
    for name, day, visit, magnification in VISITS:
        film = simulate_follow_up(bones, settings, SEED, visit, (ROWS, COLUMNS))
        path = options.output / f"{name}.dcm"
        write_dicom(film, path, magnification=magnification)
        dated(path, day, visit.number)
        for measure, levels, value in film.truth.measurements:
            if measure == "lumbar_lordosis" or levels == ("L4", "L5"):
                print(f"{name}: true {measure} {'-'.join(levels)} {value:.1f}")
    if options.report is not None:
        report([options.output / f"{name}.dcm" for name, *_ in VISITS], options.report)


def report(films: list[Path], folder: Path) -> None:
    """The study of every film, and their comparison, with the day of surgery."""
    pipeline = Pipeline(load_plugins(), Options(formats=("json",)))
    studies, radiographs = [], []
    kept = Path(__file__).parent / "visits"
    kept.mkdir(exist_ok=True)
    for path in films:
        analysis = pipeline.analyze(path)
        studies.append(analysis.study)
        radiographs.append(analysis.radiograph)
        JsonWriter().write(analysis.study, analysis.radiograph, kept / f"{path.stem}.json")
    comparison = compare_studies(studies, radiographs, CompareOptions(surgery=DAY_OF_SURGERY))
    write_comparison(comparison, folder)
    print(*comparison.summary, sep="\n")


def dated(path: Path, day: str, number: int) -> None:
    """Give a film its day, and all films of the patient one ID."""
    dataset = pydicom.dcmread(path)
    dataset.PatientID, dataset.PatientBirthDate = "SIMULATED-1", "19600101"
    for name in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(dataset, name, day)
    if "AcquisitionDateTime" in dataset:
        del dataset.AcquisitionDateTime
    dataset.SOPInstanceUID = f"{dataset.SOPInstanceUID}.{number}"[:64]
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)


if __name__ == "__main__":
    main()
