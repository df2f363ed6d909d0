"""What the CoordConv chapter's first pages measure: identities of the layer, facts of the splits,
how firm hand-written weights stand.
"""

import pandas as pd
import pytest
import torch
from torch import nn

from spatialbias.datasets import not_so_clevr
from spatialbias.figures import by_hand as hand
from spatialbias.figures import coordconv
from spatialbias.figures import not_so_clevr as places
from spatialbias.layers import CoordConv2d
from spatialbias.models.by_hand import by_hand

SIZE = 16


def written(figure):
    figure.draw_without_rendering()
    return " ".join(
        text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))
    )


@pytest.mark.parametrize("radius", [False, True])
def test_the_two_terms_and_the_long_way_are_the_layer(radius):
    layer, x = (
        CoordConv2d(3, 4, 3, stride=2, padding=1, radius=radius, dtype=torch.float64),
        torch.randn(5, 3, 9, 7, dtype=torch.float64),
    )
    features, position = coordconv.terms(layer, x)
    assert position.shape == (1, *layer(x).shape[1:])
    torch.testing.assert_close(features + position, layer(x))
    torch.testing.assert_close(coordconv.concatenated(layer, x), layer(x))


def test_the_diagram_says_the_numbers_of_the_layer():
    layer, x = CoordConv2d(3, 5, 3, padding=1, radius=True), torch.rand(2, 3, 10, 12)
    text = written(coordconv.diagram(layer, x, torch.zeros(3, 10, 12, dtype=torch.uint8)))
    assert (
        "5 × 3 × 3 × 3" in text
        and "= 135" in text
        and "B × 5 × 10 × 12" in text
        and "coordinates, 3 × 10 × 12" in text
    )


def test_a_ramp_stays_a_ramp_except_at_padded_borders():
    response = coordconv.terms(
        CoordConv2d(1, 1, 3, padding=1, dtype=torch.float64),
        torch.zeros(1, 1, 9, 12, dtype=torch.float64),
    )[1][0, 0]
    inside, anywhere = coordconv.affine(response, 1)
    assert inside < 1e-12 < anywhere


def test_a_moved_picture_lifts_the_response_by_the_ramp():
    pictures = torch.randn(2, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    found = coordconv.equivariance(pictures, 1, seeds=1, shifts=[2, 4]).set_index(["arm", "shift"])[
        "value"
    ]
    torch.manual_seed(0)
    layer = CoordConv2d(1, 16, 1, dtype=torch.float64)
    seen = layer(nn.functional.pad(pictures.double(), (0, 8)))[..., :8]
    rise = layer.weight[:, 1, 0, 0] * 2 * 4 / 15  # four columns of a canvas of sixteen
    expected = rise.square().mean().sqrt() / seen.std((0, 2, 3)).square().mean().sqrt()
    assert found["no coordinates"].max() < 1e-12
    assert found["coordconv", 4] == pytest.approx(float(expected.detach()), rel=1e-9)
    assert found["coordconv", 4] == pytest.approx(2 * found["coordconv", 2], rel=1e-9)


def test_slips_show_on_oblong_maps_only():
    _, ranges = coordconv.slips(14, 6)
    assert ranges["x"] == ranges["y"] == (-1, 1)
    assert ranges["x, sides\nexchanged"][1] < 0 and ranges["y, sides\nexchanged"][
        1
    ] == pytest.approx(4.2)
    _, square = coordconv.slips(8, 8)
    assert square["x, sides\nexchanged"] == square["x"]


def test_the_quadrant_is_far_but_its_rows_and_columns_are_known():
    quadrant, uniform = places.distances("quadrant", 64, 9), places.distances("uniform", 64, 9)
    assert (
        len(quadrant["distance"]) == 729
        and quadrant["distance"].max() == 27
        and uniform["distance"].max() < 3
    )
    assert (
        quadrant["row"] == quadrant["column"] == 1 and quadrant["inside"] < 0.6 < uniform["inside"]
    )
    assert quadrant["target"] == uniform["target"] == 0
    assert places.met(quadrant).startswith("every column and every row")
    assert places.met({"column": 0.5, "row": 1.0}).startswith(
        "of the held-out places 50% stand in a column, and 100% in a row"
    )


def test_maps_of_splits_say_their_counts():
    assert "2,407 + 729" in written(places.splits([("released", "quadrant", 0)], 64, 9, 1))


def test_all_places_are_tried_once():
    batch = hand.examples("classification", SIZE)
    assert len(batch) == 64 and len(batch.target.unique()) == 64
    assert len(hand.examples("classification", SIZE, 7)) == 10


def test_verdicts_count_what_is_solved_and_what_is_written():
    found = hand.verdicts(SIZE).set_index("task")
    assert (found["solved"] == 64).all() and (found["blind"] <= 1).all()
    for task in not_so_clevr.TASKS:
        assert found.loc[task, "written"] == sum(
            int((p != 0).sum()) for p in by_hand(task, SIZE).parameters()
        )


@pytest.mark.parametrize("task", not_so_clevr.TASKS)
def test_a_wrong_answer_is_not_solved(task):
    batch = hand.examples(task, SIZE)
    output = hand.answers(by_hand(task, SIZE), batch)
    assert hand.solved(task, output, batch.target, SIZE).all()
    assert not hand.solved(task, output.roll(1, 0), batch.target, SIZE).any()


def test_no_error_is_called_so():
    truth = torch.zeros(2, 2)
    assert hand.margin("regression", truth, truth, SIZE) == "no error"
    assert hand.margin("regression", truth + 1e-6, truth, SIZE) == "error at most 2·10⁻⁵ pixels"


def test_no_noise_changes_nothing_and_much_destroys():
    found = hand.shaken(SIZE, [0.0, 10.0], seeds=1, every=13).groupby("level")["value"].mean()
    assert found[0.0] == 1 and found[10.0] < 0.2


def test_tolerated_stops_at_the_first_fall():
    values = {0.1: 1.0, 0.2: 0.5, 0.4: 1.0}
    frame = pd.DataFrame(
        [
            {"task": "a", "kind": "k", "level": x, "replicate": 0, "value": v}
            for x, v in values.items()
        ]
    )
    assert hand.tolerated(frame, "k") == {"a": 0.1}
    assert hand.tolerated(frame[frame["level"] > 0.1], "k") == {"a": 0.0}


def test_training_begins_at_the_solution():
    recipe = {"gentle": dict.fromkeys(not_so_clevr.TASKS, (1e-6, 0))}
    found = hand.trained_on(SIZE, recipe, [0, 2], seeds=1)
    assert (
        set(found["step"]) == {0, 2}
        and (found["value"] == 1).all()
        and (found["loss"] < 1e-6).all()
    )
    assert "gentle" in written(hand.held(found, "step", "recipe", "steps", log=False))
