"""How long one film of 1100 x 2870 at 12 bits takes to read, by transfer syntax.

    python benchmarks/reading.py [--repeat 7]

Prints the time to import the reader and pydicom (each in a fresh process, best of the repeats), the
median time to read the film with everything imported, and the size of the file.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pydicom
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder
from pydicom.uid import UID

from spinemorph.read import read_radiograph
from spinemorph.simulate.dicom import write_dicom
from spinemorph.simulate.truth import SimulatedFilm, Truth

ROWS, COLUMNS = 2870, 1100
COMPRESSIONS = {
    "RLE": "1.2.840.10008.1.2.5",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG 2000 lossless": "1.2.840.10008.1.2.4.90",
    "JPEG 2000 at 60 dB": "1.2.840.10008.1.2.4.91",
}


def film() -> SimulatedFilm:
    """Smooth anatomy with the noise of a detector, so that codecs have something to do."""
    y, x = np.mgrid[:ROWS, :COLUMNS]
    noise = np.random.default_rng(0).normal(0, 0.006, (ROWS, COLUMNS))
    pixels = 0.5 + 0.4 * np.sin(y / 300) * np.cos(x / 200) + noise
    truth = Truth((), (), "left", "lateral", 0.15, inverted=False, measurements=())
    return SimulatedFilm(np.clip(pixels, 0, 1).astype(np.float32), truth, seed=0)


def compressed(path: Path, name: str, uid: str) -> Path:
    dataset = pydicom.dcmread(path)
    options = {"j2k_psnr": [60]} if name.endswith("dB") else {}
    frame = get_encoder(UID(uid)).encode(dataset, index=0, **options)
    dataset.PixelData = encapsulate([bytes(frame)])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID(uid)
    target = path.with_name(f"{uid}.dcm")
    dataset.save_as(target, enforce_file_format=True)
    return target


def read_time(path: Path, repeat: int) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        read_radiograph(path)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def import_time(statement: str, repeat: int) -> float:
    code = f"import time; s = time.perf_counter(); {statement}; print(time.perf_counter() - s)"
    times = []
    for _ in range(repeat):
        done = subprocess.run(  # noqa: S603  our own interpreter
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        times.append(float(done.stdout))
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=7)
    repeat = parser.parse_args().repeat
    print(f"import of spinemorph.read  {import_time('import spinemorph.read', repeat):6.3f} s")
    print(f"import of pydicom          {import_time('import pydicom', repeat):6.3f} s")
    print(f"{'film':22} {'read':>9} {'size':>9}")
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.dcm"
        write_dicom(film(), plain)
        paths = {"uncompressed": plain}
        paths |= {name: compressed(plain, name, uid) for name, uid in COMPRESSIONS.items()}
        for name, path in paths.items():
            size = path.stat().st_size / 2**20
            print(f"{name:22} {read_time(path, repeat):7.3f} s {size:6.2f} MB")


if __name__ == "__main__":
    main()
