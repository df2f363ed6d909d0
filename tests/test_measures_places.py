"""Measures of networks that name, find or draw a place, and of those that segment: against plain
loops.
"""

import copy

import pytest
import torch

from spatialbias import datasets, measures, training
from spatialbias.datasets import not_so_clevr
from spatialbias.measures import TABLE, Subject
from spatialbias.models import build
from spatialbias.models.by_hand import by_hand
from spatialbias.roles import examples
from spatialbias.trials import Trial

SIZE = {"size": 16, "square": 3}
LOSS = {
    "classification": "cross_entropy",
    "regression": "mean_squared_error",
    "rendering": "binary_cross_entropy",
}
MODEL = {
    "classification": "coordconv_classifier",
    "regression": "coordconv_regressor",
    "rendering": "coordconv_renderer",
}


def subject(task: str, network=None, **dataset_args) -> Subject:
    arguments = {"task": task, "split": "quadrant", **SIZE, **dataset_args}
    trial = Trial(
        model=MODEL[task],
        model_args={"size": 16},
        dataset="not_so_clevr",
        dataset_args=arguments,
        loss=LOSS[task],
    )
    data = datasets.load("not_so_clevr", **arguments)
    return Subject(
        (network or by_hand(task, 16, 3)).eval(), trial, data, data.test, training.Execution()
    )


def values(name: str, of: Subject) -> dict[str, float]:
    return {row["part"]: row["value"] for row in TABLE[name][0](of)}


@pytest.mark.parametrize("task", LOSS)
def test_a_solution_is_scored_as_one(task):
    solved = subject(task)
    perfect = 0.0 if task == "regression" else 1.0
    assert values("score", solved) == pytest.approx({"train": perfect, "test": perfect}, abs=0.1)
    assert set(values("right", solved).values()) == {1.0}


@pytest.mark.parametrize("task", LOSS)
def test_scores_are_those_of_a_plain_loop(task):
    torch.manual_seed(3)
    some = subject(task, build(MODEL[task], size=16))
    wanted = []
    with torch.no_grad():
        for k in range(len(some.test)):
            one = some.test[k : k + 1]
            out = some.model(*one.inputs)[0]
            if task == "classification":
                wanted.append(float(int(out.argmax()) == int(one.target)))
            elif task == "regression":
                x, y = (16 * (out - one.target[0])).tolist()
                wanted.append((x * x + y * y) ** 0.5)
            else:
                drawn, true = out > 0, one.target[0] > 0.5
                wanted.append(int((drawn & true).sum()) / max(int((drawn | true).sum()), 1))
    assert values("score", some)["test"] == pytest.approx(sum(wanted) / len(wanted), abs=1e-4)


@pytest.mark.parametrize(
    "units, per_pixel", [("fraction", 16.0), ("centred", 7.5), ("pixels", 1.0)]
)
def test_errors_are_in_pixels_whatever_the_unit(units, per_pixel):
    class Off(torch.nn.Module):
        """Right but for three pixels across and four down."""

        def forward(self, pictures):
            lit = pictures.flatten(1).argmax(1)
            centre = torch.stack((lit % 16 + 3.0, lit // 16 + 4.0), 1)
            return {"pixels": centre, "fraction": centre / 16, "centred": 2 * centre / 15 - 1}[
                units
            ]

    off = subject("regression", Off(), units=units)
    assert values("score", off) == pytest.approx({"train": 5.0, "test": 5.0}, abs=1e-4)
    assert set(values("right", off).values()) == {0.0}


def test_the_canvas_has_every_position_once_and_says_how_far_off():
    torch.manual_seed(0)
    some = subject("classification", build("coordconv_classifier", size=16))
    rows = list(TABLE["canvas"][0](some))
    assert sorted(row["x"] for row in rows) == sorted(
        float(y * 16 + x) for x in range(1, 15) for y in range(1, 15)
    )
    row = next(r for r in rows if r["part"] == "test")
    x, y = row["x"] % 16, row["x"] // 16
    answer = int(some.model(torch.tensor([[x, y]])).argmax())
    assert row["value"] == pytest.approx(
        ((answer % 16 - x) ** 2 + (answer // 16 - y) ** 2) ** 0.5, abs=1e-3
    )
    drawn = {r["x"]: r["value"] for r in TABLE["canvas"][0](subject("rendering"))}
    assert set(drawn.values()) == {1.0} and set(drawn) == {row["x"] for row in rows}


def test_pictures_are_of_held_out_positions():
    solved = subject("rendering")
    rows = list(TABLE["picture"][0](solved))
    parts = {row["part"] for row in rows}
    held_out = {f"{int(x)},{int(y)}" for x, y in solved.test.inputs[0].tolist()}
    assert (
        parts <= held_out
        and len(parts) == measures.places.PICTURES
        and len(rows) == len(parts) * 256
    )
    one = next(iter(parts))
    x, y = map(int, one.split(","))
    lit = {int(r["x"]) for r in rows if r["part"] == one and r["value"] > 0.5}
    assert lit == {b * 16 + a for a in (x - 1, x, x + 1) for b in (y - 1, y, y + 1)}
    assert not list(TABLE["picture"][0](subject("regression")))


@pytest.mark.parametrize("task", LOSS)
def test_without_its_coordinates_a_solution_fails_and_is_left_as_it_was(task):
    solved = subject(task)
    before = copy.deepcopy(solved.model.state_dict())
    found = values("coordinates_off", solved)
    assert found["told"] == values("score", solved)["test"]
    worse = (lambda a, b: a > b + 1) if task == "regression" else (lambda a, b: a < b - 0.5)
    assert worse(found["zeroed"], found["told"])
    assert all(
        torch.equal(before[name], value) for name, value in solved.model.state_dict().items()
    )


class Draws(torch.nn.Module):
    """The right squares, but for one row less at the top, and one pixel far from them."""

    def forward(self, centre):
        drawn = not_so_clevr.draw(centre.round().long(), 16, 16, 3)
        rows = (torch.arange(16) - centre[:, 1:]) != -1
        drawn = drawn * rows[:, None, :, None]
        drawn[..., 0, 0] = 1
        return drawn - 0.5


def test_messy_borders_are_counted_beside_the_border_alone():
    """A row of 3 pixels is missing, of those on the border (8) and around it, on the canvas."""
    of = subject("rendering", Draws())
    near = (16 - of.test.inputs[0].round() + 2).clamp(max=5).prod(1) - 1
    assert values("borders", of)["test"] == pytest.approx(float((3 / near).mean()))
    assert values("borders", subject("rendering"))["test"] == 0.0
    assert not values("borders", subject("classification"))


def test_a_network_that_is_told_nothing_has_nothing_to_lose():
    blind = subject("classification", build("coordconv_classifier", size=16, coordinates="none"))
    assert list(values("coordinates_off", blind)) == ["told"]


class Painter(torch.nn.Module):
    """Answers yellow right for every yellow pixel, and background otherwise."""

    def forward(self, images):
        yellow = (images[:, 0] > 0.9) & (images[:, 1] > 0.9) & (images[:, 2] < 0.1)
        return torch.nn.functional.one_hot(yellow.long(), 4).permute(0, 3, 1, 2).float() * 9


def test_segmentation_is_counted_pixel_by_pixel():
    arguments = {"n_train": 4, "n_test": 7, "size": 64}
    data = datasets.load("circles", **arguments)
    trial = Trial(model="vgg9_fcn", dataset="circles", dataset_args=arguments)
    of = Subject(Painter(), trial, data, data.test, training.Execution())
    rows = {(row["part"], row["x"]): row["value"] for row in TABLE["segmentation"][0](of)}
    truth = data.test.target
    given = Painter()(data.test.inputs[0].float() / 255).argmax(1)
    for k in range(4):
        here, said = truth == k, given == k
        assert rows["recall", float(k)] == pytest.approx(float((here & said).sum() / here.sum()))
        assert rows["iou", float(k)] == pytest.approx(
            float((here & said).sum() / (here | said).sum())
        )
        assert rows["precision", float(k)] == pytest.approx(
            float((here & said).sum() / said.sum().clamp(min=1))
        )
    assert rows["recall", 1.0] == 1.0 and rows["recall", 2.0] == 0.0
    assert (
        rows["confusion", 2.0 * 4 + 1] == 1.0
    )  # yellow on the left is taken for yellow on the right
    pictures = [row for row in TABLE["segmented"][0](of) if row["part"] == "2"]
    assert [row["value"] for row in pictures] == given[2].flatten().tolist()


class Guesser(torch.nn.Module):
    """Sees colour alone: one name for all yellow pixels, and lots for the red ones."""

    def __init__(self, yellow: int, red: float):
        super().__init__()
        self.yellow, self.red = yellow, red

    def forward(self, images):
        full = images > 0.9
        yellow, red = full[:, 0] & full[:, 1], full[:, 0] & ~full[:, 1]
        low = red & (torch.rand(red.shape, generator=torch.Generator().manual_seed(0)) < self.red)
        named = yellow * self.yellow + low * 3
        return torch.nn.functional.one_hot(named, 4).permute(0, 3, 1, 2).float()


class Knows(torch.nn.Module):
    """The side of every yellow pixel, and that red is background."""

    def forward(self, images):
        full = images > 0.9
        yellow = full[:, 0] & full[:, 1]
        columns = torch.arange(images.shape[-1]) > images.shape[-1] // 2
        named = torch.where(columns, 1, 2) * yellow
        return torch.nn.functional.one_hot(named, 4).permute(0, 3, 1, 2).float()


@pytest.mark.parametrize(
    ("network", "yellow", "red"),
    [
        (Guesser(1, 0.0), 0.5, 0.5),
        (Guesser(2, 1.0), 0.5, 0.5),
        (Guesser(1, 0.7), 0.5, 0.5),
        (Knows(), 1.0, 0.5),
    ],
)
def test_no_guesser_buys_the_side(network, yellow, red):
    arguments = {"n_train": 4, "n_test": 60, "size": 64}
    data = datasets.load("circles", **arguments)
    trial = Trial(model="vgg9_fcn", dataset="circles", dataset_args=arguments)
    of = Subject(network, trial, data, data.test, training.Execution())
    assert values("which_side", of) == pytest.approx({"yellow": yellow, "red": red}, abs=0.01)


def test_tuning_without_subsets_holds_out_training_examples_only():
    trial = Trial(
        model="coordconv_classifier",
        model_args={"size": 16},
        dataset="not_so_clevr",
        dataset_args=SIZE,
        role="tuning",
        replicate=3,
    )
    data = datasets.load("not_so_clevr", **SIZE)
    train, held = examples(trial, data)
    assert len(train) + len(held) == len(data.train) and len(held) == pytest.approx(
        len(data.train) / 5, abs=1
    )
    assert not {*train.target.tolist()} & {*held.target.tolist()} and not {
        *held.target.tolist()
    } & {*data.test.target.tolist()}
    assert (
        examples(trial.model_copy(update={"replicate": 4}), data)[1].target.tolist()
        != held.target.tolist()
    )


def test_decay_falls_on_kernels_only():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    for name in ("adam", "sgd"):
        groups = training._optimiser(name, model, 0.1, 0.99, 0.5).param_groups
        decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
        assert {k: decay[id(p)] for k, p in model.named_parameters()} == {
            "0.weight": 0.5,
            "0.bias": 0.0,
            "1.weight": 0.0,
            "1.bias": 0.0,
        }


def test_the_rate_falls_to_a_tenth_after_each_fifth():
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    schedule, rates = training._schedule("step", optimiser, 10), []
    for _ in range(10):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3, 1e-4, 1e-4])


def test_batch_statistics_are_those_of_single_images():
    """As the source validates: the answer to an image does not depend on the others."""
    arguments = {"n_train": 4, "n_test": 6, "size": 32}
    data = datasets.load("circles", **arguments)
    trial = Trial(
        model="vgg9_fcn",
        model_args={"statistics": "batch"},
        dataset="circles",
        dataset_args=arguments,
    )
    torch.manual_seed(0)
    network = build("vgg9_fcn", statistics="batch")
    found = [
        row["value"]
        for row in TABLE["segmented"][0](
            Subject(network, trial, data, data.test, training.Execution())
        )
        if row["part"] == "1"
    ]
    with torch.no_grad():
        alone = network.eval()(data.test[1:2].inputs[0].float() / 255).argmax(1).flatten().tolist()
    assert found == alone


def test_whether_the_maximum_lies_at_the_lit_pixel():
    found = values("in_view", subject("regression"))
    assert (found["x, end"], found["y, end"]) == (1.0, 1.0) and max(
        found["x, error"], found["y, error"]
    ) < 0.5
    dim, bright = (values("in_view", subject("regression", peak=peak)) for peak in (1e-6, 1e6))
    assert max(dim["x, start"], dim["y, start"]) < 0.6  # the same place whatever the picture
    assert max(bright["x, start"], bright["y, start"]) == 1.0
    assert not values("in_view", subject("classification"))


def test_the_place_of_the_maximum_is_the_same_without_padding():
    from spatialbias.measures.places import _in_view

    torch.manual_seed(0)
    pictures = 1e6 * subject("regression").test.inputs[0]
    for padding in ("same", "valid"):
        assert _in_view(build("coordconv_regressor", size=16, padding=padding), pictures).max() == 1
