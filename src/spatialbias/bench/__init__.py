"""Speed and memory against a plain baseline, as ratios: `spatialbias bench [part ...] [--quick]`.

Each part is a function of `quick` that returns rows; what is compared alternates within the run. A
quick run does less, judges nothing by its target and is not kept. The last whole run of each part
is kept, for each instruction set, in `data/results/bench.json`, from which the book's page on speed
is drawn.
"""

from importlib import import_module

PARTS = {  # name: (module, function)
    "start": ("processes", "start"),
    "layers": ("steps", "layers"),
    "floor": ("steps", "floor"),
    "trial": ("trial", "part"),
    "quadrant": ("quadrant", "part"),
    "sweep": ("processes", "sweep"),
    "memory": ("processes", "memory"),
    "precision": ("precision", "part"),
}


def main(parts: list[str] | None = None, quick: bool = False) -> int:
    """Run some parts (none named: all) and print their table. Returns 0 however the targets fared:
    they are reported, and a machine that is busy or old is no error. Raises ValueError for an
    unknown part.
    """
    from spatialbias.components import known

    chosen = [part for part in PARTS if part in {known(PARTS, p, "part") for p in parts or PARTS}]
    from spatialbias.bench import measuring, report

    about, rows = report.machine(), []
    print(report.heading(about), flush=True)
    with measuring.without_gpu():
        for name in chosen:
            module, function = PARTS[name]
            found = getattr(import_module(f"spatialbias.bench.{module}"), function)(quick)
            print(report.text(found), flush=True)
            rows += found
    if not quick:
        report.save(about, rows)
        print(f"kept in {report.path()}")
    return 0
