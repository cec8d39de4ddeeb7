"""How long Sobol indices of twenty factors take: evaluations and patient-years a second.

    python benchmarks/sensitivity.py            a sixteenth, and what the whole would take
    python benchmarks/sensitivity.py --whole    2^13 base samples, 180,224 evaluations

Each evaluation is the mean of 16 persons in one arm over three years, their lives before it
included. Beside the wall time stands the CPU time, from which two free cores can be projected
where the machine is busy.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

WHOLE, PART = 2**13, 2**9
CORES = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whole", action="store_true", help="measure the full size")
    parser.add_argument("--workers", type=int, default=CORES)
    chosen = parser.parse_args()
    import cohort
    from cohort.execute.progress import Advanced, Compiled, Event
    from cohort.levers.load import load_job

    samples = WHOLE if chosen.whole else PART
    prepared = load_job("variance", [f"method.samples={samples}"])
    factors, persons = len(prepared.factors), prepared.job.cohort.persons
    cpu: list[float] = []

    def note(event: Event, /) -> None:
        """Keep the CPU time at the end of compiling and, last, of computing."""
        if isinstance(event, (Compiled, Advanced)):
            cpu[1:] = [time.process_time()]
            if isinstance(event, Compiled):
                cpu[:] = [time.process_time()]

    before, start = os.getloadavg()[0], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/job"
        found = cohort.sensitivity(prepared, out=out, workers=chosen.workers, progress=note)
    wall = time.perf_counter() - start
    seconds, count = found.manifest["seconds"], found.manifest["evaluations"]
    around = wall - seconds["compute"]  # compiling, samples, indices, figures
    whole, years, own = WHOLE * (factors + 2), persons * 3, cpu[1] - cpu[0]
    print(f"{factors} factors, {samples} base samples, {count:,} evaluations of {persons} persons")
    print(f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after; {chosen.workers} workers")
    print(f"compiling {seconds['compile']:.1f} s, computing {seconds['compute']:.1f} s", end="")
    print(f" (of CPU {own:.1f} s), all else {around - seconds['compile']:.1f} s")
    rate = count / seconds["compute"]
    print(f"{rate:,.0f} evaluations/s, {rate * years:,.0f} patient-years/s under treatment")
    print(f"{whole:,} evaluations at this rate: {around + whole / rate:.0f} s")
    free = CORES * count / own
    print(
        f"on {CORES} free cores, by CPU time: {free:,.0f} evaluations/s, {free * years:,.0f} "
        f"patient-years/s, {around + whole / free:.0f} s"
    )


if __name__ == "__main__":
    main()
