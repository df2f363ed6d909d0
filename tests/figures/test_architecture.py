"""The figures of the page on Coordinet's architecture: their numbers are the network's, and the
theorem holds where it should.
"""

import math
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from spatialbias.datasets import Batch, Data
from spatialbias.explorer.networks import NONE, Network
from spatialbias.figures import architecture, modulation, votes
from spatialbias.figures.norms import ROWS, path, theorem, theorem_table
from spatialbias.figures.numbers import power
from spatialbias.models import build

SIZE, WIDTH = 8, 20


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    model = build("coordinet", size=SIZE, width=WIDTH, layers=3, frequencies=4)
    return Network(
        model.requires_grad_(False),
        Data(NONE, NONE, "made up", ("a", "b"), "", (0.5,) * 3, (0.25,) * 3),
        "nothing",
    )


@pytest.fixture(scope="module")
def images():
    return torch.randint(
        0, 256, (6, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def written(figure):
    figure.draw_without_rendering()
    return " ".join(
        text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))
    )


@pytest.mark.parametrize(
    "value, text",
    [(3.2e-16, "3·10⁻¹⁶"), (1e-5, "1·10⁻⁵"), (0.0024, "0.0024"), (0.0, "0"), (-2e-10, "-2·10⁻¹⁰")],
)
def test_small_numbers_are_written_as_powers(value, text):
    assert power(value) == text


def test_costs_are_those_of_the_layers_by_hand(network, images):
    cost, P, E = architecture.costs(network.model, images.float()), SIZE**2, 3 + 8
    assert cost["path.0"] == (E * WIDTH, P * E * WIDTH)
    assert cost["path.1"] == (WIDTH**2, P * WIDTH**2)
    inside = 3 * P * WIDTH + WIDTH**2 + WIDTH * 3 * WIDTH
    assert cost["modulator"] == (inside + WIDTH + WIDTH + 3 * WIDTH, inside)
    assert cost[""][0] == sum(p.numel() for p in network.model.parameters())
    assert cost[""][1] == sum(
        cost[part][1] for part in ("modulator", "path.0", "path.1", "path.2", "decoder")
    )


@pytest.mark.parametrize("layers, width", [(4, 200), (2, 24)])
def test_the_diagram_says_the_numbers_of_the_network(images, layers, width):
    model = build("coordinet", size=SIZE, layers=layers, width=width)
    text = written(architecture.diagram(model, images[0]))
    for part in (model.modulator, model.decoder, *model.path):
        assert f"{sum(p.numel() for p in part.parameters()):,}" in text
    assert f"ModFC {layers}" in text and f"ModFC {layers + 1}" not in text
    assert (
        f"{model.path[0].in_features} → {width}" in text
        and f"√{width}" in text
        and f"sine code: {model.encoding.features}" in text
    )


def test_votes_add_up_to_the_answer_and_have_one_length(network, images):
    found, (model, x) = votes.votes(network, images), votes.exact(network, images)
    logits = model(x)
    torch.testing.assert_close(found["lead"], logits.max(1).values - logits.mean(1))
    assert found["answer"].equal(logits.argmax(1))
    torch.testing.assert_close(
        found["length"], torch.full_like(found["length"], math.sqrt(WIDTH)), rtol=1e-3, atol=0
    )
    # Leaving a pixel out takes away its part, to first order in that pixel
    weights = torch.ones(SIZE**2, dtype=torch.float64)
    weights[5] = 1 - 1e-6
    less = model(x, weights=weights).gather(1, found["answer"][:, None])[:, 0] - model(
        x, weights=weights
    ).mean(1)
    torch.testing.assert_close(
        (found["lead"] - less) / 1e-6, found["part"][:, 5], rtol=1e-4, atol=1e-7
    )


def test_only_shuffling_with_the_coordinates_leaves_the_answer_alone(network, images):
    changes = votes.disturbances(network, images)["change"]
    assert changes[0] < 1e-12 and (changes[1:] > 1e-6).all()


def test_exchanged_pictures_are_counted_once(network, images):
    found = modulation.exchanged(network, images, 2)
    usual = network.model(network.data.normalise(images)).argmax(1)
    assert (
        found["pairs"]
        == sum(int((usual != usual.roll(k)).sum()) for k in (1, 2))
        == found["modulation"] + found["pixels"] + found["neither"]
    )


def test_path_is_the_models_own(images):
    for change in ({}, {"bias": True, "affine": True}):
        model = build("coordinet", size=SIZE, width=WIDTH, **change).double()
        x, m = (
            torch.randn(2, 9, model.path[0].in_features, dtype=torch.float64),
            torch.randn(2, 4 * WIDTH, dtype=torch.float64),
        )
        torch.testing.assert_close(path(model, x, m, epsilon=1e-5), model.pixels(x, m))


def test_the_theorem_holds_without_biases_and_affine_only(images):
    x = images[:2].float() / 127.5 - 1
    plain = theorem(x, width=WIDTH)
    assert all(change < 1e-9 for change in plain.values()), plain
    biased, affine = theorem(x, width=WIDTH, bias=True), theorem(x, width=WIDTH, affine=True)
    for broken in (biased, affine):
        assert (
            broken["inner norms left out"] > 1e-6
            and broken["inner norms left out: gradients"] > 1e-6
        )
        assert broken["m of every layer × 10"] < 1e-9  # this freedom is the norm's own
    assert biased["one weight matrix × 10"] > 1e-6 and biased["a pixel’s whole input × 10"] > 1e-6
    assert affine["spread of the votes’ lengths"] > 1e-6


def test_classes_that_are_apart_and_classes_that_are_not():
    target = torch.arange(5).repeat_interleave(4)
    noise = torch.randn(20, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    share, low, high = modulation.between(noise, target, 500)
    assert (
        low <= share <= high and abs((low + high) / 2 - 4 / 19) < 0.1
    )  # by chance (classes - 1) / (pictures - 1)
    assert modulation.between(noise + 100 * target[:, None], target, 500)[0] > 0.99


def test_variance_between_classes_is_that_by_hand(images):
    x = torch.randn(
        12, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(2)
    )  # more features than pictures
    target = torch.arange(3).repeat_interleave(4)
    means = torch.stack([x[target == k].mean(0) for k in range(3)])
    by_hand = 4 * (means - x.mean(0)).square().sum() / (x - x.mean(0)).square().sum()
    assert modulation.between(x, target, 5)[0] == pytest.approx(float(by_hand))


def test_stages_are_those_of_the_network(network, images):
    found, exact = modulation.stages(network, images), votes.votes(network, images)
    torch.testing.assert_close(found["sum of votes"], exact["total"], rtol=1e-3, atol=1e-4)
    assert found["logits"].argmax(1).equal(exact["answer"]) and list(found)[:2] == [
        "the pixels",
        "$m_1$",
    ]


def test_pictures_at_hand_serve_where_the_data_set_is_missing(network, images, monkeypatch):
    def missing(name):
        raise modulation.DataMissing("none")

    monkeypatch.setattr(modulation.datasets, "load", missing)
    assert modulation.many(network, images, torch.arange(6))[0] is images


def test_classes_differ_by_what_their_means_do(network, images):
    target = torch.tensor([0, 0, 1, 1, 4, 4])
    means = modulation.class_means(network, images, target)
    assert (
        means.shape == (3, WIDTH) and means.mean(0).abs().max() < 1e-12
    )  # as many pictures a class: deviations add up to nothing
    shares = {
        "the pixels": (0.1, 0.01, 0.02),
        "$m_3$": (0.1, 0.01, 0.02),
        "sum of votes": (0.1, 0.01, 0.02),
        "logits": (0.3, 0.01, 0.02),
    }
    text = written(modulation.modulation(shares, means, ("a", "b", "c")))
    assert all(
        part in text
        for part in (
            "30 %",
            "the 20 units of $m_3$",
            "classes dealt at random",
            "sum of votes",
            "class mean",
        )
    )


@pytest.mark.parametrize(
    "another, said",
    [
        (-0.2, "falls from 30.5 % [24.1, 36.9] to 10.5 %"),
        (0.1, "rises from"),
        (0.0, "is not shown to change: it goes from"),
    ],
)
def test_borrowed_modulation_is_followed(another, said):
    frame = pd.DataFrame(
        [
            {
                "arm": "coordinet",
                "measure": "foreign_modulation",
                "at": "stop",
                "part": part,
                "replicate": r,
                "value": value + 0.01 * r,
            }
            for part, value in (("own", 0.3), ("another image's", 0.3 + another))
            for r in (0, 1)
        ]
    )
    assert f"In 2 such networks, accuracy on test pictures {said}" in modulation.borrowed(frame)
    assert "not on record" in modulation.borrowed(frame[:2])


def test_abstaining_is_the_difference_on_turned_pictures():
    frame = pd.DataFrame(
        [
            {
                "arm": "coordinet",
                "measure": measure,
                "at": "stop",
                "x": x,
                "replicate": r,
                "value": value,
            }
            for measure, value in (("rotation", 0.2), ("rotation_abstain", 0.25))
            for x, value in ((0.0, 0.9), (10.0, value), (20.0, value))
            for r in (0, 1)
        ]
    )
    assert (
        votes.abstaining(frame).to_list() == pytest.approx([0.05, 0.05])
        and votes.abstaining(frame[:0]).empty
    )


@pytest.mark.parametrize(
    "path, told, said",
    [
        (0, 22, "it is what the modulator sees"),
        (9, 1, "So it is their votes"),
        (5, 6, "So both"),
        (0, 0, "So neither"),
    ],
)
def test_black_corners_are_judged_by_the_answers_that_they_change(
    network, images, path, told, said
):
    moved = votes.disturbances(network, images)
    moved.loc[moved["what"].str.contains("corners.* black in"), "changed"] = path
    moved.loc[moved["what"].str.contains("corners.* black to"), "changed"] = told
    text = votes.corners(moved, 0.17, 0.18, pd.Series([0.001, 0.001]))
    assert (
        said in text
        and f"corners change {path} of 6 answers; blackened to the modulator alone, {told}." in text
    )
    assert "about its share by number" in text and "+0.1 points" in text
    assert "more than its share" in votes.corners(
        moved, 0.5, 0.18, pd.Series(dtype=float)
    ) and "less than" in votes.corners(moved, -0.5, 0.18, pd.Series(dtype=float))


def test_the_theorem_is_told_as_exact_or_a_number():
    found = {
        "ours": dict.fromkeys(ROWS, 3e-16),
        "biased": dict.fromkeys(ROWS, 0.025) | {"one weight matrix × 10": 2e-7},
    }
    shown = theorem_table(found).set_index("what is done")
    assert (
        set(shown["ours"]) == {"exact"}
        and set(shown["biased"]) == {"0.025", "2·10⁻⁷"}
        and len(shown) == len(ROWS)
    )
    assert set(ROWS) == set(theorem(torch.zeros(1, 3, SIZE, SIZE), width=4))


def test_a_length_has_a_scale_of_its_own():
    figure = architecture.codes(SIZE)
    length = next(ax for ax in figure.axes if ax.get_title("center").startswith("length")).images[0]
    assert (
        length.get_cmap() is architecture.LENGTHS
        and length.norm.vmin == 0
        and "Fourier slot 2" in written(figure)
    )


def test_how_far_weights_have_come_is_known_of_the_shipped_network_only(network):
    assert votes.travelled(network) == []
    try:
        shipped = votes.load_networks("coordinet")["coordinet"]
    except votes.NoNetworks:
        pytest.skip("no network is shipped")
    assert all(
        0 < share < 0.5 for share in votes.travelled(shipped)
    )  # other weights would lie 1.4 away


def test_the_modulation_is_split_without_rest(network, images):
    split = modulation.parts_of_modulation(network, images, torch.arange(6) % 2)
    assert sum(split[part] for part in ("common", "between", "within")) == pytest.approx(1) and all(
        0 <= part <= 1 for part in split.values()
    )
    assert split["least"] < split["most"] < split["between"] + split["within"]


@pytest.mark.parametrize(
    "between, said",
    [(0.05, "no news of the class"), (0.15, "no news of the class"), (0.3, "does tell them apart")],
)
def test_news_of_the_class_is_what_chance_does_not_give(between, said):
    assert modulation.news({"between": between, "least": 0.1, "most": 0.2}).startswith(
        "dealt at random, they would differ by 10.0% to 20.0%"
    )
    assert said in modulation.news({"between": between, "least": 0.1, "most": 0.2})


def test_the_sine_code_is_zero_in_the_middle_and_neighbours_are_alike():
    assert not architecture.encodings(SIZE)["sine"](torch.zeros(1, 2)).any()
    line = architecture.by_distance(architecture.similarities(SIZE)["sine"], SIZE)
    assert line[0] == pytest.approx(1, abs=1e-5) and line[0] > line[1] > line[-1]


def test_a_network_is_trained_where_none_is_shipped(monkeypatch):
    def none(work):
        raise votes.NoNetworks("none")

    monkeypatch.setattr(votes, "load_networks", none)
    small = build("coordinet", width=4)
    state = {"stop": small.state_dict()}
    monkeypatch.setattr(votes, "build", lambda name, **arguments: small)
    monkeypatch.setattr(
        votes.Store, "states", lambda self, key, numerics: state if numerics == "here" else None
    )
    plan = type(votes.study("coordinet.few_samples").plan("smoke"))
    record = {"provenance": {"numerics": "here"}}
    monkeypatch.setattr(
        plan, "sweep", lambda self, store: SimpleNamespace(records={self.trials[0].key: record})
    )
    found = votes.trained("smoke")
    assert (
        found.data.name == "digits"
        and "digits" in found.trained_on
        and isinstance(found.data.test, Batch)
    )
