"""The command line: `spatialbias sweep | results | data | book | statements`.

Nothing heavy is imported until it is needed.
"""

import argparse
import os
import signal
import sys

from spatialbias import paths
from spatialbias.components import PROFILES

CONNECT = "10s"  # until a cluster must have answered
PROJECT = "SPATIALBIAS_PROJECT"  # what says where, for who is outside the project's folder
BOOK = (
    *("papermill", "nbformat", "nbclient", "jupyter_book", "IPython", "ipykernel", "yaml", "bs4"),
    *("matplotlib", "itables", "ipywidgets", "PIL"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status (0; 1 for a failed check; 2 for bad input; 130 for
    Ctrl-C).
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return 2
    try:
        if options.place and not os.environ.get(options.place):
            paths.checkout()
        return options.run(options) or 0
    except KeyboardInterrupt:
        print(
            "\nstopped; everything finished is kept, the same command goes on from here",
            file=sys.stderr,
        )
        return 130
    except ModuleNotFoundError as error:
        wanted = (error.name or "").partition(".")[0]
        advice = "".join(f"; pip install '.[{extra}]' brings it" for extra in _extras(wanted))
        print(f"spatialbias: {error}{advice}", file=sys.stderr)
        return 2
    except (ValueError, RuntimeError, OSError) as error:
        print(f"spatialbias: {error}", file=sys.stderr)
        return 2


def _extras(module: str) -> list[str]:
    """The optional part of the package that brings a module."""
    parts = {"dask": ("distributed", "dask"), "book": BOOK}
    return [extra for extra, modules in parts.items() if module in modules]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="spatialbias", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(title="commands")

    sweep = commands.add_parser("sweep", help="train and measure what a study lacks")
    sweep.add_argument("study", nargs="*", help="work.study, or a work; none: all of them")
    sweep.add_argument("--profile", default="quick", choices=PROFILES)
    sweep.add_argument(
        "--dry-run",
        action="store_true",
        help="only print the trials that are missing and their cost",
    )
    sweep.add_argument(
        "--workers", type=int, help="processes, one thread each (default: one a core)"
    )
    sweep.add_argument(
        "--precision",
        choices=("fp32", "bf16"),
        help="default: bf16 where the hardware has it and is faster",
    )
    sweep.add_argument(
        "--dask", metavar="ADDRESS", help="run on a Dask cluster instead of local processes"
    )
    sweep.add_argument(
        "--gpu",
        action="store_true",
        help="with --dask: only on workers that were started with --resources GPU=1",
    )
    sweep.add_argument(
        "--pack",
        action="store_true",
        help="at the end, or when stopped, make what is done ready to ship: results pack --pending",
    )
    sweep.add_argument(
        "-p",
        "--parameter",
        action="append",
        nargs=2,
        default=[],
        metavar=("NAME", "VALUE"),
        help="a parameter of the study; VALUE is read as JSON where it can be",
    )
    sweep.set_defaults(run=_sweep, place="SPATIALBIAS_STORE")

    results = commands.add_parser("results", help="what is on record")
    results.add_argument("action", choices=("status", "verify", "pack", "networks"))
    results.add_argument("study", nargs="*")
    results.add_argument(
        "--sample",
        type=_from(int, 0),
        default=0,
        help="verify: retrain this many shipped records and compare",
    )
    results.add_argument(
        "--max-seconds",
        type=_from(float, 0),
        default=120,
        help="verify: sample only records that took at most this long",
    )
    results.add_argument(
        "--pending",
        action="store_true",
        help="pack: keep what is new of studies that are not complete, for sweeps to go on from",
    )
    results.set_defaults(run=_results, place=PROJECT)

    data = commands.add_parser("data", help="find, download and verify the image sets")
    data.add_argument("name", nargs="*")
    data.set_defaults(run=_data, place="SPATIALBIAS_DATA")

    book = commands.add_parser("book", help="execute the pages and build the book")
    book.add_argument("--profile", default="paper", choices=PROFILES)
    book.add_argument("--out", help="where the site goes (default: _build/html)")
    book.add_argument(
        "--no-execute", action="store_true", help="build from the pages as they were last executed"
    )
    book.add_argument(
        "--pdf",
        action="store_true",
        help="print it too, to book.pdf beside the site; needs Chromium",
    )
    book.add_argument("page", nargs="*", help="only these pages")
    book.set_defaults(run=_book, place=PROJECT)

    said = commands.add_parser(
        "statements", help="the pages' sentences that the shipped records no longer bear out"
    )
    said.add_argument("page", nargs="*", help="only these pages")
    said.set_defaults(run=_statements, place=PROJECT)
    return parser


def _from(kind: type, least: float):
    """A converter of argparse's for numbers of at least `least`."""

    def number(text: str):
        value = kind(text)
        if not value >= least:
            raise argparse.ArgumentTypeError(f"{text}: a number from {least} is expected")
        return value

    number.__name__ = kind.__name__  # argparse names it where the text is no number at all
    return number


def _studies(names: list[str]):
    from spatialbias import studies

    there, chosen = studies.names(), []
    for name in names:
        chosen += [s for s in there if s.startswith(f"{name}.")] or [studies.study(name).name]
    return [studies.study(name) for name in chosen or there]


def _sweep(options) -> int:
    import json

    # A machine that shuts down asks with SIGTERM: what Ctrl-C stops cleanly, it does too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def read(text: str):
        try:
            return json.loads(text)
        except ValueError:
            return text

    given = {name: read(value) for name, value in options.parameter}
    if "profile" in given:
        raise ValueError(
            f"-p profile {given['profile']}: the profile is an option of its own, --profile {given['profile']}"
        )
    if options.gpu and not options.dask:
        raise ValueError("--gpu: it chooses among the workers of a cluster, which --dask names")
    studies = _studies(options.study)
    plans = [s.plan(options.profile, **given) for s in studies]
    executor = None if options.dry_run else _executor(options.dask, options.gpu)
    try:
        for plan in plans:
            _sweep_one(plan, options, executor)
    finally:
        if options.pack and not options.dry_run:
            from spatialbias import results

            results.pack(studies, argparse.Namespace(pending=True))
    return 0


def _sweep_one(plan, options, executor) -> None:
    from spatialbias.costs import duration

    count, hours = plan.estimate()
    cost = (
        ""
        if not count
        else " (cost unknown: nothing like them on record)"
        if hours is None
        else f", about {duration(hours)}"
    )
    print(
        f"{plan.study.name}: {len(plan.trials)} trials, {count} to train or measure{cost}",
        flush=True,
    )
    if not options.dry_run and count:
        plan.sweep(
            train=True,
            workers=options.workers,
            precision=options.precision,
            executor=executor,
        )


def _executor(address: str | None, gpu: bool):
    if address is None:
        return None
    from distributed import Client

    client = Client(address, timeout=CONNECT)
    return client.get_executor(pure=False, **({"resources": {"GPU": 1}} if gpu else {}))


def _results(options) -> int:
    from spatialbias import results

    return getattr(results, options.action)(_studies(options.study), options)


def _data(options) -> int:
    from spatialbias import components, datasets

    status = 0
    for name in options.name or [n for n in components.SHAPES if n not in components.FOUND]:
        try:
            data = datasets.load(name)
            print(f"{name}: {len(data.train):,} + {len(data.test):,} images, {data.source}")
        except (RuntimeError, ValueError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            status = 1
    return status


def _book(options) -> int:
    from spatialbias.book.build import build

    pages, execute = options.page or None, not options.no_execute
    build(options.profile, options.out, pages, execute, pdf=options.pdf)
    return 0


def _statements(options) -> int:
    """Print every statement that no longer stands, as it should read; 1 if there is one."""
    from spatialbias import paths
    from spatialbias.book.pages import choose
    from spatialbias.book.statements import fallen

    said = fallen(paths.project(), choose(paths.project(), options.page or None))
    print("\n".join(said) or "every statement stands")
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main())
