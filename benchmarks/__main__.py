"""Run some parts (none named: all), print their rows, and keep those of a whole run.

Each part is a function of `quick` that returns rows; what is compared alternates within the run. A
quick run does less, judges nothing by its target and is not kept. Missed targets are reported and
are no error: a machine may be busy or old.
"""

import argparse
import sys

from benchmarks import (
    circles,
    local,
    measuring,
    precision,
    processes,
    quadrant,
    report,
    resnet,
    steps,
    trial,
)

PARTS = {
    "layers": steps.layers,
    "local": local.part,
    "resnet": resnet.part,
    "floor": steps.floor,
    "trial": trial.part,
    "quadrant": quadrant.part,
    "circles": circles.part,
    "sweep": processes.sweep,
    "queue": processes.queue,
    "memory": processes.memory,
    "precision": precision.part,
}


def main(arguments: list[str] | None = None) -> int:
    """Returns 0; exits with status 2 for an unknown part."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.split("\n")[0])
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)}; none: all of them")
    parser.add_argument("--quick", action="store_true", help="fewer rounds; nothing is kept")
    options = parser.parse_args(arguments)
    if unknown := [part for part in options.part if part not in PARTS]:
        parser.error(f"unknown part {unknown[0]!r}; there are: {', '.join(PARTS)}")

    about, rows = report.machine(), []
    print(report.heading(about), flush=True)
    with measuring.without_gpu():
        for name, part in PARTS.items():
            if name in (options.part or PARTS):
                found = part(options.quick)
                print(*map(report.line, found), sep="\n", flush=True)
                rows += found
    if not options.quick:
        report.save(about, rows)
        print(f"kept in {report.path()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
