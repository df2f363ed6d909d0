"""Golden values: a component whose behaviour changes without a raised revision fails here.

If a change is meant, raise the component's revision in `components.py` and write the new values
down: `python -m tests.test_components` prints them. Old records are then no longer found, which
`ORPHANS` must admit.
"""

import importlib.util
import math
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from spatialbias import (
    arguments,
    components,
    datasets,
    measures,
    models,
    paths,
    shifts,
    training,
)
from spatialbias.datasets.batch import Batch, Data
from spatialbias.store import Store
from spatialbias.trials import Trial
from tests.datasets import celeba_folder

ORPHANS: dict[str, int] = {}  # shipped file: how many of its records are outdated, knowingly
REAL = ("cifar10", "mnist", "fashion_mnist")

MODELS = {
    "fully_connected": (1, [-0.0177084, 0.778072, -77.2549]),
    "simple_cnn": (1, [0.000235084, 0.0116491, -6.65855]),
    "pooled_cnn": (1, [0.00562619, 0.261969, 14.6849]),
    "strided_cnn": (1, [-0.00662602, 0.265869, 6.6093]),
    "kernel_ridge": (1, [-7.94729e-09, 0.442097, -0.65031]),
    "coordinet": (1, [0.00273287, 0.178845, 11.1248]),
    "coordinet_v1": (1, [0.000430632, 0.037533, -16.4906]),
    "coordconv_classifier": (1, [-0.231765, 0.869878, 8.14828]),
    "coordconv_renderer": (1, [0.000778792, 0.00329729, -0.03867]),
    "coordconv_regressor": (1, [0.0570696, 0.963854, -6.00022]),
    "conv_regressor_uniform": (2, [0.00553484, 0.0964764, -12.1425]),
    "conv_regressor_quadrant": (1, [0.0012671, 0.0966803, -9.60897]),
    "deconv": (1, [-0.0581547, 8.7317, -73.9279]),
    "vgg9_fcn": (1, [0.00762082, 2.27134, -450.488]),
    "local_cnn": (1, [0.0564499, 1.07999, -21.8862]),
}
DATASETS = {
    "cifar10": (1, [116.311, 132.823, 73010.8]),
    "mnist": (1, [29.4464, 79.7727, 1507.93]),
    "fashion_mnist": (1, [71.1152, 114.381, 24365.9]),
    "digits": (1, [76.5208, 112.279, 29182.9]),
    "celeba": (1, [60.1351, 84.9955, 26.0247]),
    "not_so_clevr": (1, [0.33762, 6.68629, -1471.56]),
    "circles": (1, [56.1493, 85.2647, 806.085]),
    "faces": (1, [97.2784, 99.0451, 1313.17]),
}
SHIFTS = {
    "rotate": [107.884, 139.02, -13132.1],
    "rotate_back": [106.635, 134.611, 10781.8],
    "mask_disc": [100.924, 138.696, 15192.2],
    "covered": [0.845389, 0.914501, 3.15125],
    "resized_crop": [127.954, 152.596, 173.687],
    "resized_crop_exact": [127.789, 152.216, 282.228],
    "scale_down": [77.9597, 117.236, 613.092],
    "blur": [127.687, 147.091, 116.706],
    "translate": [117.071, 149.751, 339.014],
    "resize": [127.87, 152.207, 214.823],
    "fisheye": [112.11, 141.673, -6642.41],
    "fisheye_undo": [126.488, 151.29, 748.089],
    "foveate": [105.516, 138.916, -1273.23],
}
MEASURES = {
    "accuracy": (1, [1, 1, 0.841471, 33.3333, 57.735, 90.9297]),
    "rotation": (1, [0.455556, 0.495536, 1.19604, 20, 29.8142, 5.41218]),
    "rotation_masked": (1, [0.4, 0.4, 0.782084, 20, 29.8142, 5.41218]),
    "rotation_back": (1, [0.466667, 0.503322, 1.28697, 20, 29.8142, 5.41218]),
    "quarter_turns": (1, [0.375, 0.525595, 1.02077, 51.6667, 97.8945, -97.9455]),
    "rotation_abstain": (1, [0.305556, 0.39826, 1.38776, 20, 29.8142, 5.41218]),
    "resized_crop": (1, [0.36, 0.432435, -0.0343487, 15.8333, 19.7019, 18.0929]),
    "resized_crop_exact": (1, [0.38, 0.44441, 0.158256, 15.8333, 19.7019, 18.0929]),
    "crop_blur": (1, [0.795, 0.809784, 1.40825, 15.8333, 19.7019, 18.0929]),
    "translation": (1, [0.55, 0.600417, 0.795047, 7.66667, 11.7898, 20.3494]),
    "scaling": (1, [0.455, 0.490153, 0.217457, 15.8333, 19.7019, 18.0929]),
    "uses": (1, [0.342857, 0.46828, 0.330077, 12.381, 15.5823, -28.715]),
    "foreign_modulation": (1, [0.466667, 0.621825, 1.20519, 9.11111, 12.693, 16.6752]),
    "sizes": (1, [0.47, 0.62149, -0.789494, 22.4333, 27.0721, 1.11741]),
    "subsets": (1, [0.266667, 0.452155, -1.59833, 9.03611, 12.1881, 12.5399]),
    "foveated": (1, [0.3, 0.506211, 0.940025, 8.66667, 12.083, -4.13706]),
    "warps": (2, [0.491667, 0.608619, 1.05315, 9.25694, 12.4588, 6.25865]),
    "score": (1, [21.4775, 37.018, -39.8453, 16, 27.8657, 1.98619]),
    "right": (1, [0, 0, 0, 16, 27.8657, 124.414]),
    "canvas": (1, [25.0796, 37.5967, 102.98, 64.25, 93.8256, -4.00014]),
    "picture": (1, [0.440405, 0.466133, -0.243963, 64.25, 104.208, 16.3029]),
    "borders": (1, [0.523967, 0.524148, 0.918279, 16, 27.8657, 43.2001]),
    "coordinates_off": (1, [16.5145, 33.3062, -76.1591, 4.5, 6.36396, -2.39796]),
    "in_view": (1, [14.8906, 26.161, -1.31703, 4.5, 6.36396, -1.96341]),
    "segmentation": (2, [0.235635, 0.38658, -0.767862, 4.87931, 5.88247, -2.74491]),
    "which_side": (1, [0.294214, 0.296634, 0.517665, 2.5, 3.53553, 0.762475]),
    "segmented": (2, [2.27612, 2.37936, 7.20246, 256.25, 417.741, -1597.21]),
    "shuffled_weights": (1, [0.733333, 0.761577, 1.54854, 8.77778, 12.1883, 20.2796]),
    "combining_weights": (1, [0.5, 0.638693, -0.94856, 193.167, 385.084, -640.283]),
}
LOSSES = {
    "cross_entropy": (1, [0.0703592, 0.360431, 1.78741]),
    "mean_squared_error": (1, [-0.00674687, 0.184235, 0.707096]),
    "binary_cross_entropy": (1, [0.0266335, 0.150557, 0.623409]),
}


def fingerprint(*tensors) -> list[float]:
    """Mean, size and a projection of some numbers: three values that a change of any of them
    moves.
    """
    x = torch.cat([t.detach().double().flatten() for t in tensors])
    return [
        float(x.mean()),
        float(x.square().mean().sqrt()),
        float(x @ torch.arange(1.0, len(x) + 1, dtype=torch.float64).sin()),
    ]


def wave(*shape) -> torch.Tensor:
    return (torch.arange(math.prod(shape)) * 0.7).sin().view(shape)


def pictures(count: int, side: int = 32) -> torch.Tensor:
    return (
        (127.5 + 127 * (torch.arange(count * 3 * side * side).double() * 0.031).sin())
        .round()
        .to(torch.uint8)
        .view(count, 3, side, side)
    )


SIZES = {
    "fully_connected": {"size": 8, "width": 12},
    "simple_cnn": {},
    "pooled_cnn": {"width": 4},
    "strided_cnn": {"width": 4},
    "coordinet": {"size": 8, "width": 12},
    "coordinet_v1": {"channels": 3, "size": 8, "embedding": 12, "latent": 9},
    "coordconv_classifier": {"size": 16},
    "coordconv_renderer": {"size": 16},
    "deconv": {"size": 16},
    "coordconv_regressor": {"size": 16},
    "conv_regressor_uniform": {"size": 16},
    "conv_regressor_quadrant": {},
    "vgg9_fcn": {"layer": "coordbias"},
    "local_cnn": {
        "size": 12,
        "width": 4,
        "layer": "lrlc",
        "where": "all",
        "rank": 2,
        "weights": "table",
        "spatial_bias": True,
        "coordinates": True,
        "pooling": "flatten",
    },
}
INPUTS = {
    "coordconv_classifier": (4, 2),
    "coordconv_renderer": (4, 2),
    "deconv": (4, 2),
    "coordconv_regressor": (4, 1, 16, 16),
    "conv_regressor_uniform": (4, 1, 16, 16),
    "conv_regressor_quadrant": (4, 1, 64, 64),
    "vgg9_fcn": (2, 3, 16, 16),
}


def model_values(name: str) -> list[float]:
    """Outputs and gradients of a network, from its own initialisation."""
    torch.manual_seed(0)
    if name == "kernel_ridge":
        model = models.build(name, classes=3)
        model.solve(wave(6, 3, 4, 4), torch.arange(6) % 3)
        return fingerprint(model(wave(5, 3, 4, 4).flip(0)))
    model = models.build(name, **SIZES.get(name, {}))
    side = SIZES.get(name, {}).get("size", 32)
    x = wave(*INPUTS.get(name, (4, 3, side, side)))
    out = model(x)
    (out * wave(*out.shape)).sum().backward()
    model.eval()
    return fingerprint(out, model(x), *(p.grad for p in model.parameters()))


def dataset_values(name: str) -> list[float]:
    if name == "not_so_clevr":
        parts = [
            datasets.load(name, task=task, split=split, size=16, square=3)
            for task in ("classification", "regression", "rendering")
            for split in ("uniform", "quadrant")
        ]
    elif name == "circles":
        parts = [datasets.load(name, n_train=6, n_test=4, size=32)]
    elif name == "celeba":
        with tempfile.TemporaryDirectory() as folder:
            celeba_folder.write(Path(folder))
            with celeba_folder.readable(Path(folder)):
                parts = [datasets.load(name, canvas=40, translation=4)]
    elif name == "faces":
        parts = [datasets.load(name, n_train=6, n_test=4, translation=t) for t in (0, 8)]
    else:
        parts = [
            datasets.load(name),
            datasets.load(name, permutation="fixed", coordinates="random"),
        ]
    tensors = [
        t
        for d in parts
        for b in (d.train[:50], d.test[:50])
        for t in (*b.inputs, b.target, *b.shared)
    ]
    return fingerprint(*tensors, torch.tensor([*parts[0].mean, *parts[0].std]))


SHIFT_CALLS = {
    "rotate": lambda x: shifts.rotate(x, 30),
    "rotate_back": lambda x: shifts.rotate_back(x, 30),
    "mask_disc": shifts.mask_disc,
    "covered": lambda x: shifts.covered(x, 30),
    "resized_crop": lambda x: shifts.resized_crop(x, 25),
    "resized_crop_exact": lambda x: shifts.resized_crop_exact(x, 25),
    "scale_down": lambda x: shifts.scale_down(x, 25),
    "blur": lambda x: shifts.blur(x, 25),
    "translate": lambda x: shifts.translate(x, 3),
    "resize": lambda x: shifts.resize(x, 48),
    "fisheye": lambda x: shifts.fisheye(x, 0.5),
    "fisheye_undo": lambda x: shifts.fisheye_undo(x, 0.5),
    "foveate": lambda x: torch.cat([t.flatten() for t in shifts.foveate(x)]),
}


PLACES = {
    "cross_entropy": ("coordconv_classifier", {"size": 16}, "not_so_clevr", {"size": 16}),
    "mean_squared_error": (
        "coordconv_regressor",
        {},
        "not_so_clevr",
        {"size": 16, "task": "regression"},
    ),
    "binary_cross_entropy": (
        "coordconv_renderer",
        {"size": 16},
        "not_so_clevr",
        {"size": 16, "task": "rendering"},
    ),
}
SEGMENTED = {
    "cross_entropy": (
        "vgg9_fcn",
        {"layer": "coordbias"},
        "circles",
        {"size": 32, "n_train": 4, "n_test": 5},
    )
}


def place_values(name: str) -> list[float]:
    """Of fresh networks, one a task."""
    rows = []
    for loss, (model, model_args, dataset, dataset_args) in (
        PLACES if name in measures.places.TABLE else SEGMENTED
    ).items():
        torch.manual_seed(0)
        trial = Trial(
            model=model,
            model_args=model_args,
            dataset=dataset,
            dataset_args=dataset_args,
            loss=loss,
        )
        data = datasets.load(dataset, **dataset_args)
        network = models.build(model, **model_args).eval()
        rows += measures.TABLE[name][0](
            measures.Subject(network, trial, data, data.test, training.Execution())
        )
    return fingerprint(torch.tensor([row["value"] for row in rows])) + fingerprint(
        torch.tensor([[r["x"] or 0.0, r["n"]] for r in rows])
    )


def local_values(name: str) -> list[float]:
    """Of a fresh network whose combining weights are drawn, with its own answers as the truth."""
    torch.manual_seed(0)
    data = datasets.load("faces", n_train=1, n_test=100)
    network = models.build(
        "local_cnn", channels=1, size=40, classes=2, width=4, layer="lrlc", rank=2, weights="table"
    ).eval()
    torch.nn.init.normal_(network[6].logits, std=3)
    trial = Trial(model="local_cnn", dataset="faces")
    with torch.no_grad():
        logits = network(data.normalise(data.test.inputs[0]))
        network[-1].bias.sub_(logits.median(0).values)
        answers = (logits - logits.median(0).values).argmax(1)
    subject = measures.Subject(
        network, trial, data, replace(data.test, target=answers), training.Execution()
    )
    rows = list(measures.TABLE[name][0](subject))
    return fingerprint(torch.tensor([row["value"] for row in rows])) + fingerprint(
        torch.tensor([[r["x"] or 0.0, r["n"], len(r["part"])] for r in rows])
    )


def measure_values(name: str) -> list[float]:
    """Of a fresh Coordinet, with its own unshifted answers as the truth: each value then tells how
    far a shift goes.
    """
    if name in measures.local.TABLE:
        return local_values(name)
    if name not in measures.images.TABLE:
        return place_values(name)
    torch.manual_seed(0)
    model = models.build("coordinet", width=12, layers=2)
    images = pictures(100)
    data = Data(
        Batch((images[:10],), torch.zeros(10, dtype=torch.long)),
        Batch((images,), torch.zeros(100, dtype=torch.long)),
        "golden",
        (),
        "",
        (0.5,) * 3,
        (0.5,) * 3,
    )
    with torch.no_grad():
        logits = model(data.normalise(images))
        answers = (logits - logits.mean(0)).argmax(1)  # spread over the classes
        model.decoder[-1].bias.sub_(logits.mean(0))
    trial = SimpleNamespace(
        model="coordinet",
        dataset="golden",
        dataset_args={},
        role="report",
        fold=1,
        test_images=None,
    )
    measures.SHIFTED.clear()
    subject = measures.Subject(
        model, trial, data, replace(data.test, target=answers), training.Execution()
    )
    rows = list(measures.TABLE[name][0](subject))
    measures.SHIFTED.clear()
    labels = [[row["x"] or 0.0, row["n"], len(row.get("part", ""))] for row in rows]
    return fingerprint(torch.tensor([row["value"] for row in rows])) + fingerprint(
        torch.tensor(labels)
    )


def loss_values(name: str) -> list[float]:
    output = wave(6, 4).requires_grad_()
    target = torch.arange(6) % 4 if name == "cross_entropy" else wave(6, 4).abs().flip(0)
    loss = training.LOSSES[name](output, target)
    return fingerprint(loss, *torch.autograd.grad(loss, output))


KINDS = {
    "model": (components.MODELS, MODELS, model_values),
    "data set": (components.DATASETS, DATASETS, dataset_values),
    "measure": (components.MEASURES, MEASURES, measure_values),
    "loss": (components.LOSSES, LOSSES, loss_values),
}


@pytest.mark.parametrize(
    "kind, name", [(kind, name) for kind, (table, _, _) in KINDS.items() for name in table]
)
def test_behaviour_changes_only_with_the_revision(request, kind, name):
    table, golden, values = KINDS[kind]
    assert name in golden, f"{kind} {name!r} has no golden values yet: see the top of this file"
    if name in REAL:
        request.getfixturevalue("real_data")
    revision, wanted = golden[name]
    assert components.revision(table, name) == revision, (
        f"{kind} {name!r} has a new revision: write its new golden values down"
    )
    # Processors differ in the last bits of single precision; of a measure, one image in twenty may
    # change sides.
    relative, absolute = {"measure": (1e-4, 0.06), "data set": (1e-4, 3e-3)}.get(kind, (2e-3, 1e-4))
    assert values(name) == pytest.approx(wanted, rel=relative, abs=absolute), (
        f"{kind} {name!r} behaves otherwise: raise its revision"
    )


@pytest.mark.parametrize("name", SHIFT_CALLS)
def test_shifts_behave_as_they_did(name):
    """Shifts have no revision of their own: raise that of the measures that use them."""
    assert fingerprint(SHIFT_CALLS[name](pictures(5))) == pytest.approx(
        SHIFTS[name], rel=2e-3, abs=1.0
    )


def test_who_adds_something_is_told_that_golden_values_are_wanted(monkeypatch):
    """By the README, by this file, and by the test that fails."""
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    added = readme.partition("## Add an idea")[2].partition("\n## ")[0]
    for said in (added, __doc__):
        assert "olden values" in said and "python -m tests.test_components" in said
    monkeypatch.setitem(components.LOSSES, "new", 1)
    with pytest.raises(AssertionError, match="'new' has no golden values yet: see the top"):
        test_behaviour_changes_only_with_the_revision(None, "loss", "new")


def test_no_golden_value_is_left_over():
    for table, golden, _ in KINDS.values():
        assert set(golden) == set(table)
    assert set(SHIFTS) == set(SHIFT_CALLS)


def test_every_name_leads_somewhere():
    for name in components.MODELS:
        assert callable(models.constructor(name))
    for name, (_, module) in components.DATASETS.items():
        assert importlib.util.find_spec(f"spatialbias.datasets.{module}") is not None, name
    assert set(components.LOSSES) == set(training.LOSSES) and set(components.MEASURES) == set(
        measures.TABLE
    )
    assert set(components.SHAPES) <= set(components.DATASETS) and set(
        components.TRAINING_IMAGES
    ) == set(components.SHAPES)


@pytest.mark.parametrize("room", ["models", "datasets"])
def test_arguments_read_from_the_source_are_those_of_the_call(room, monkeypatch):
    table, of = {
        "models": (components.MODELS, arguments.of_model),
        "datasets": (components.DATASETS, arguments.of_dataset),
    }[room]
    for name in table:
        called = of(name)
        assert called
        with monkeypatch.context() as unimported:
            unimported.delitem(sys.modules, f"spatialbias.{room}.{table[name][1]}")
            assert of(name) == called, name


def test_neither_a_trial_nor_a_plan_imports_torch():
    code = """
import sys
from spatialbias import studies
for name in studies.names():
    for profile in ("smoke", "quick", "paper"):
        studies.study(name).plan(profile)
assert "torch" not in sys.modules
from spatialbias.trials import run
assert run.__module__ == "spatialbias.run"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names_come_with_those_that_exist():
    with pytest.raises(ValueError, match="unknown model 'resnet'; there are: fully_connected, "):
        components.known(components.MODELS, "resnet", "model")
    assert components.known(components.MODELS, "coordinet", "model") == "coordinet"
    assert components.revision({"a": (3, "b")}, "a") == components.revision({"a": 3}, "a") == 3


def outdated(record: dict) -> bool:
    """Whether a record would not be found, or one of its measures would be taken again."""
    try:
        current = Trial(**record["trial"]).key == record["key"]
    except ValueError:
        return True
    return not current or any(
        components.MEASURES.get(name) != revision for name, revision in record["measured"].items()
    )


def test_shipped_records_are_of_current_revisions_or_listed():
    from spatialbias.store import read_parquet

    found = {}
    for path in sorted(paths.shipped_results().glob("*.parquet")):
        records = read_parquet(
            path
        )  # a damaged file or row is a warning, and a warning is an error
        assert records, path
        if old := sum(map(outdated, records)):
            found[path.name] = old
    assert found == ORPHANS


def test_an_outdated_record_is_recognised(tmp_path, monkeypatch):
    trial = Trial(model="fully_connected", dataset="digits", n_train=10)
    record = {
        "key": trial.key,
        "trial": trial.model_dump(),
        "measured": {"accuracy": components.MEASURES["accuracy"]},
        "provenance": {"numerics": "cpu"},
    }
    store = Store(tmp_path, None)
    store.put(record)
    assert not outdated(store.get(trial.key))
    assert outdated(record | {"measured": {"accuracy": 0}}) and outdated(
        record | {"measured": {"taste": 1}}
    )
    assert outdated(record | {"trial": record["trial"] | {"model": "resnet"}})
    monkeypatch.setitem(components.MODELS, "fully_connected", (2, "baselines"))
    assert outdated(record)


def _print_values() -> None:
    for label, (table, _, values) in zip(
        ("MODELS", "DATASETS", "MEASURES", "LOSSES"), KINDS.values(), strict=True
    ):
        print(f"{label} = {{")
        for name in table:
            print(
                f'    "{name}": ({components.revision(table, name)}, [{", ".join(f"{v:.6g}" for v in values(name))}]),'
            )
        print("}")
    print("SHIFTS = {")
    for name, call in SHIFT_CALLS.items():
        print(f'    "{name}": [{", ".join(f"{v:.6g}" for v in fingerprint(call(pictures(5))))}],')
    print("}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    _print_values()
