"""Measures: each against a plain loop, and against the unshifted accuracy where the shift is
none.
"""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from spatialbias import components, measures, shifts
from spatialbias.measures import TABLE, Subject, images
from spatialbias.models import build
from spatialbias.roles import prepare


def subject_of(name, data, execution, replicate=1, **arguments):
    torch.manual_seed(5)
    model = build(name, **arguments)
    trial = SimpleNamespace(
        model=name,
        dataset=f"{name}{arguments}",
        dataset_args={},
        role="report",
        test_images=None,
        fold=replicate % 5,
        replicate=replicate,
    )
    # The network's own answers are the truth: every accuracy then says how much a shift changes,
    # and unshifted it is 1.
    images = data.normalise(data.test.inputs[0])
    with torch.no_grad():
        answers = model.eval()(images).argmax(1)
    answers[::7] = (answers[::7] + 1) % 10  # but for some
    return Subject(model, trial, data, replace(data.test, target=answers), execution)


@pytest.fixture
def coordinet(image_data, fp32):
    measures.SHIFTED.clear()
    yield subject_of("coordinet", image_data, fp32, width=12, layers=2)
    measures.SHIFTED.clear()


@pytest.fixture
def cnn(image_data, fp32):
    measures.SHIFTED.clear()
    yield subject_of("simple_cnn", image_data, fp32)
    measures.SHIFTED.clear()


def rows(subject, name):
    return list(TABLE[name][0](subject))


def by(subject, name, x, part=None):
    return next(
        row["value"] for row in rows(subject, name) if row["x"] == x and row.get("part") == part
    )


def plain(subject, images, target):
    """One image after another."""
    model = subject.model.eval()
    with torch.no_grad():
        right = [
            int(model(subject.data.normalise(image[None])).argmax()) == int(truth)
            for image, truth in zip(images, target, strict=True)
        ]
    return sum(right) / len(right)


def folded(subject):
    part = subject.test[10:20]  # replicate 1 of 50 test images
    return part.inputs[0], part.target


def test_every_measure_is_in_both_tables():
    assert set(TABLE) == set(components.MEASURES)
    assert [name for name, (_, published) in TABLE.items() if published] == ["accuracy"]


def test_accuracy_is_that_of_all_test_images(cnn, coordinet):
    for subject in (cnn, coordinet):
        assert rows(subject, "accuracy") == [
            {
                "x": None,
                "value": pytest.approx(plain(subject, subject.test.inputs[0], subject.test.target)),
                "n": 50,
            }
        ]
        assert rows(subject, "accuracy")[0]["value"] == pytest.approx(42 / 50)


def test_accuracy_of_many_images_is_cut_into_parts_of_right_weight(image_data, fp32, monkeypatch):
    cnn = subject_of("fully_connected", image_data, fp32, width=8, hidden=2)
    monkeypatch.setattr("spatialbias.training.EVALUATION_BATCH", 7)
    whole = replace(
        cnn.test,
        inputs=(cnn.test.inputs[0].repeat(41, 1, 1, 1),),
        target=cnn.test.target.repeat(41),
    )
    assert rows(replace(cnn, test=whole), "accuracy")[0]["value"] == pytest.approx(
        42 / 50, abs=1e-6
    )


@pytest.mark.parametrize(
    "name, x, shift",
    [
        ("rotation", 40, lambda i: shifts.rotate(i, 40)),
        ("rotation_masked", 40, lambda i: shifts.mask_disc(shifts.rotate(i, 40))),
        ("rotation_back", 40, lambda i: shifts.rotate_back(i, 40)),
        ("quarter_turns", 90, lambda i: shifts.rotate(i, 90)),
        ("resized_crop", 25, lambda i: shifts.resized_crop(i, 25)),
        ("resized_crop_exact", 25, lambda i: shifts.resized_crop_exact(i, 25)),
        ("crop_blur", 25, lambda i: shifts.blur(i, 25)),
        ("scaling", 25, lambda i: shifts.scale_down(i, 25)),
        ("translation", 4, lambda i: shifts.translate(i, 4)),
    ],
)
def test_shifted_accuracy_against_a_plain_loop(cnn, coordinet, name, x, shift):
    for subject in (cnn, coordinet):
        images, target = folded(subject)
        row = next(row for row in rows(subject, name) if row["x"] == x)
        assert row == {
            "x": float(x),
            "value": pytest.approx(plain(subject, shift(images), target)),
            "n": 10,
        }


@pytest.mark.parametrize(
    "name, x",
    [
        ("rotation", 0),
        ("rotation_back", 0),
        ("quarter_turns", 0),
        ("resized_crop", 32),
        ("resized_crop_exact", 32),
        ("crop_blur", 32),
        ("scaling", 32),
        ("translation", 0),
    ],
)
def test_no_shift_is_the_accuracy_of_the_fold(cnn, name, x):
    assert by(cnn, name, x) == pytest.approx(plain(cnn, *folded(cnn)))


def test_which_amounts():
    assert images.ANGLES == (0, 10, 20, 30, 40, 50, 60, 70, 80) and images.CROPS == tuple(
        range(23, 33)
    )


def test_abstaining_pixels(coordinet, cnn):
    assert by(coordinet, "rotation_abstain", 0) == by(coordinet, "rotation", 0)
    images, target = folded(coordinet)
    turned = coordinet.data.normalise(shifts.rotate(images, 40))
    with torch.no_grad():
        out = coordinet.model(turned, weights=shifts.covered(images, 40))
    assert by(coordinet, "rotation_abstain", 40) == pytest.approx(
        float((out.argmax(1) == target).float().mean())
    )
    assert rows(cnn, "rotation_abstain") == []


def test_foreign_modulation(coordinet, cnn, image_data, fp32):
    with (
        torch.no_grad()
    ):  # a modulator that says a lot, and the truth as the neighbour's modulation has it
        coordinet.model.modulator[-1].weight.mul_(60)
        images, model = coordinet.data.normalise(folded(coordinet)[0]), coordinet.model
        own, ones = model.modulations(images), torch.ones(10, 24)
        others, second, none = (
            model(images, modulations=m).argmax(1)
            for m in (own[[9, *range(9)]], own[[8, 9, *range(8)]], ones)
        )
    assert not torch.equal(others, second) and not torch.equal(others, none)
    coordinet = replace(
        coordinet, test=replace(coordinet.test, target=coordinet.test.target.clone())
    )
    coordinet.test.target[10:20] = others
    found = {row["part"]: row["value"] for row in rows(coordinet, "foreign_modulation")}
    assert found == {
        "own": pytest.approx(plain(coordinet, *folded(coordinet))),
        "another image's": 1.0,
        "none": pytest.approx(float((none == others).float().mean())),
    }
    assert rows(cnn, "foreign_modulation") == []
    assert (
        rows(
            subject_of("coordinet", image_data, fp32, width=8, modulation="learned"),
            "foreign_modulation",
        )
        == []
    )


def test_uses_by_hand(coordinet, cnn):
    assert list(TABLE["uses"][0](cnn)) == []
    rows = {row["part"]: row["value"] for row in TABLE["uses"][0](coordinet)}
    model, fold = coordinet.model, coordinet.prepare(coordinet.fold())
    (x,), y, grid = fold.inputs, fold.target, model.grid
    order = torch.randperm(len(grid), generator=torch.Generator().manual_seed(0))
    next_one = torch.cat([x[-1:], x[:-1]])  # its neighbour
    with torch.no_grad():
        own = model(x).argmax(1)
        changed = {
            "itself": own,
            "no pixels": model(x * 0, context=x).argmax(1),
            "another's pixels": model(next_one, context=x).argmax(1),
            "no coordinates": model(x, grid * 0).argmax(1),
            "exchanged coordinates": model(x, grid[order]).argmax(1),
            "another's modulation": model(x, context=next_one).argmax(1),
            "no modulation": model(x, modulations=torch.ones(len(x), sum(model.sizes))).argmax(1),
        }
    wanted = {name: float((now == y).double().mean()) for name, now in changed.items()}
    wanted |= {f"{k}, kept": float((now == own).double().mean()) for k, now in changed.items()}
    assert rows == pytest.approx(wanted, abs=1e-9) and rows["itself, kept"] == 1
    assert min(rows.values()) < 1  # something does change


def test_uses_asks_a_network_only_what_it_has(coordinet):
    plain = replace(
        coordinet,
        model=build("coordinet", modulation="none", coordinates="none", width=8, layers=2),
    )
    parts = {row["part"] for row in TABLE["uses"][0](plain)}
    assert not any("coordinates" in part or "modulation" in part for part in parts) and parts


def test_sizes(coordinet, cnn):
    for part in ("direct", "weighted", "resized"):
        assert by(coordinet, "sizes", 32, part) == pytest.approx(
            plain(coordinet, *folded(coordinet))
        )
    assert by(cnn, "sizes", 32, "resized") == pytest.approx(plain(cnn, *folded(cnn)))
    assert {row["part"] for row in rows(cnn, "sizes")} == {"resized"}
    assert [row["x"] for row in rows(cnn, "sizes")] == [16, 24, 32, 48, 64]
    images, target = folded(cnn)
    back = shifts.resize(shifts.resize(images, 16), 32)
    assert by(cnn, "sizes", 16, "resized") == pytest.approx(plain(cnn, back, target))
    with torch.no_grad():  # without modulation at the training size: as "none" of another measure
        assert by(coordinet, "sizes", 32, "weighted, unmodulated") == by(
            coordinet, "foreign_modulation", None, "none"
        )


def test_sizes_weigh_pixels_by_area(coordinet, monkeypatch):
    seen = {}

    def spy(subject, values, places, weights, context):
        seen.setdefault(values.shape[2], []).append(
            (None if weights is None else float(weights.sum()), len(places), context is None)
        )
        return 0.5

    monkeypatch.setattr(images, "_as_pixels", spy)
    rows(coordinet, "sizes")
    assert set(seen) == {256, 576, 1024, 2304, 4096}
    for count, calls in seen.items():
        assert calls == [
            (None, count, False),
            (pytest.approx(1024), count, False),
            (pytest.approx(1024), count, True),
        ]


def test_subsets(coordinet, cnn):
    for part in ("filled", "direct", "weighted"):
        assert by(coordinet, "subsets", 1.0, part) == pytest.approx(
            plain(coordinet, *folded(coordinet))
        )
    assert by(cnn, "subsets", 1.0, "filled") == pytest.approx(plain(cnn, *folded(cnn)))
    assert {row["part"] for row in rows(cnn, "subsets")} == {"filled"}
    images, target = folded(coordinet)
    images, order = (
        coordinet.data.normalise(images),
        torch.randperm(1024, generator=torch.Generator().manual_seed(0))[:256],
    )
    filled = torch.zeros(10, 3, 1024)
    filled[:, :, order] = images.flatten(2)[:, :, order]
    with torch.no_grad():
        m = coordinet.model.modulations(filled)
        out = coordinet.model(
            images.flatten(2)[:, :, order],
            coordinet.model.grid[order],
            torch.full((256,), 4.0),
            modulations=m,
        )
        assert by(cnn, "subsets", 0.25, "filled") == pytest.approx(
            float((cnn.model(filled.view_as(images)).argmax(1) == folded(cnn)[1]).float().mean())
        )
    assert by(coordinet, "subsets", 0.25, "weighted") == pytest.approx(
        float((out.argmax(1) == target).float().mean())
    )


def test_foveated(coordinet, cnn, monkeypatch):
    assert by(cnn, "foveated", None, "full") == pytest.approx(plain(cnn, *folded(cnn)))
    assert {row["part"] for row in rows(coordinet, "foveated")} == {
        "full",
        "filled",
        "direct",
        "weighted",
    }
    drawn = []
    monkeypatch.setattr(
        Subject,
        "prepare",
        lambda self, batch: drawn.append(batch) or prepare(batch, self.data, self.execution),
    )
    rows(cnn, "foveated")
    images, picture = folded(cnn)[0], drawn[0].inputs[0]
    assert torch.equal(picture[:, :, 8:24, 8:24], images[:, :, 8:24, 8:24])  # the middle as it was
    corner = images[:, :, :4, :4].double().mean((2, 3), keepdim=True).round()
    assert (
        float((picture[:, :, :4, :4].double() - corner).abs().max()) <= 1
    )  # each coarse pixel at its full size
    ring = images[:, :, 4:6, 10:12].double().mean((2, 3), keepdim=True).round()
    assert float((picture[:, :, 4:6, 10:12].double() - ring).abs().max()) <= 1


def test_foveated_is_not_taken_of_pictures_that_it_cannot_cover(pictures, fp32, image_data):
    small = pictures(10, side=28)
    data = replace(
        image_data,
        test=replace(image_data.test, inputs=(small,), target=torch.zeros(10, dtype=torch.long)),
    )
    assert rows(subject_of("pooled_cnn", data, fp32, width=4), "foveated") == []


def test_warps(coordinet, cnn):
    for part in ("warped", "straightened", "told"):
        assert by(coordinet, "warps", 0.0, part) == pytest.approx(
            plain(coordinet, *folded(coordinet))
        )
    images, target = folded(cnn)
    seen = shifts.fisheye(images, 0.5)
    assert by(cnn, "warps", 0.5, "warped") == pytest.approx(plain(cnn, seen, target))
    assert by(cnn, "warps", 0.5, "straightened") == pytest.approx(
        plain(cnn, shifts.fisheye_undo(seen, 0.5), target)
    )
    assert {row["part"] for row in rows(cnn, "warps")} == {"warped", "straightened"}


def test_shifted_images_are_made_once_a_fold(cnn):
    calls = []
    for _ in range(2):
        cnn.shifted("mine", lambda images: calls.append(1) or images)
    assert len(calls) == 1
    other = replace(cnn, trial=SimpleNamespace(**{**vars(cnn.trial), "fold": 2}))
    other.shifted("mine", lambda images: calls.append(1) or images)
    assert len(calls) == 2 and len(measures.SHIFTED) == 1  # the other fold's copies were let go
    tuning = replace(other, trial=SimpleNamespace(**{**vars(other.trial), "role": "tuning"}))
    tuning.shifted("mine", lambda images: calls.append(1) or images)
    assert len(calls) == 3
