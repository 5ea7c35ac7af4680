"""How many simulated films a second one core makes.

    python benchmarks/simulator.py [--films 40] [--anatomy FOLDER] [--profile]

Prints the time to build the bones, then films of 512 x 256 a second after a warm-up, by the wall
clock and by processor time (what an idle core would give), without and with a folder of meshes.
"""

import argparse
import cProfile
import pstats
import time
from pathlib import Path

import cv2

from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import simulate_film
from spinemorph.simulate.settings import Settings

SIZE = (512, 256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=40)
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{'bones':<14}{'load s':>8}{'films/s':>9}{'films/cpu s':>13}")
    for folder in (None, *([options.anatomy] if options.anatomy else [])):
        start = time.process_time()
        bones = load_anatomy(folder)
        load = time.process_time() - start
        simulate_film(bones, Settings(), 0, SIZE)
        profile = cProfile.Profile()
        if options.profile:
            profile.enable()
        wall, cpu = time.perf_counter(), time.process_time()
        for seed in range(1, options.films + 1):
            simulate_film(bones, Settings(), seed, SIZE)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        profile.disable()
        print(
            f"{bones.name:<14}{load:>8.2f}{options.films / wall:>9.1f}{options.films / cpu:>13.1f}"
        )
        if options.profile:
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
