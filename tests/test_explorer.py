"""The explorer: networks from files or from a page, the live widget, and the picture that stands in
its place.
"""

import json
import time

import pytest
import torch

ipywidgets = pytest.importorskip("ipywidgets")

from matplotlib.figure import Figure  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from spatialbias import datasets, models, paths, shifts  # noqa: E402
from spatialbias.datasets import Batch, Data  # noqa: E402
from spatialbias.explorer import NoNetworks, explore, front_end, load_networks, picture, samples  # noqa: E402
from spatialbias.explorer import networks as explorer_networks  # noqa: E402
from spatialbias.explorer.view import SHIFTS, View  # noqa: E402
from spatialbias.trials import Trial  # noqa: E402

TINY = {
    "fully_connected": {"width": 8, "hidden": 2},
    "simple_cnn": {},
    "coordinet": {"width": 8, "layers": 2, "frequencies": 2},
}
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
WIDGET = "application/vnd.jupyter.widget-view+json"


def cifar10(classes=None) -> Data:
    """CIFAR-10 without its examples."""
    nothing = Batch((), torch.empty(0, dtype=torch.long))
    return Data(nothing, nothing, "cifar10", classes or samples.samples()[2], "", MEAN, STD)


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    return {name: (models.build(name, **arguments), cifar10()) for name, arguments in TINY.items()}


@pytest.fixture
def weights(tmp_path, tiny):
    """A folder of weights as they are shipped."""
    for name, (model, data) in tiny.items():
        trial = Trial(model=name, model_args=TINY[name], dataset="cifar10", n_train=390)
        about = {
            "trial": trial.model_dump(),
            "mean": data.mean,
            "std": data.std,
            "classes": data.classes,
        }
        text = {key: json.dumps(value) for key, value in about.items()}
        save_file(model.state_dict(), tmp_path / f"coordinet.{name}.safetensors", text)
    return tmp_path


def made_up(classes, channels=3, side=32) -> Data:
    """Another data set, with noise for images."""
    images = torch.randint(0, 256, (5 * len(classes), channels, side, side), dtype=torch.uint8)
    batch = Batch((images,), torch.arange(len(images)) % len(classes))
    return Data(batch, batch, "made up", classes, "", MEAN[:channels], STD[:channels])


def figure_text(figure: Figure) -> str:
    figure.draw_without_rendering()
    return " ".join(
        text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))
    )


# -------------------------------------------------------------------------------------------------------------
# samples


def test_samples_are_three_images_of_each_class():
    images, target, classes = samples.samples()
    assert images.shape == (30, 3, 32, 32) and images.dtype == torch.uint8
    assert torch.bincount(target).tolist() == [3] * 10 and len(classes) == 10


@pytest.mark.data
def test_samples_are_the_first_of_the_real_test_set():
    try:
        data = datasets.load("cifar10")
    except datasets.images.DataMissing as error:
        pytest.skip(str(error))
    chosen = samples.first_of_each_class(data.test.target, 10)
    images, target, classes = samples.samples()
    index = json.loads((samples.folder() / "cifar10.json").read_text())
    assert [entry["test_index"] for entry in index["images"]] == chosen.tolist()
    assert torch.equal(images, data.test.inputs[0][chosen])
    assert torch.equal(target, data.test.target[chosen]) and classes == data.classes


def test_damaged_samples_are_named(tmp_path, monkeypatch):
    (tmp_path / "cifar10.json").write_bytes((samples.folder() / "cifar10.json").read_bytes())
    (tmp_path / "cifar10.png").write_bytes((samples.folder() / "cifar10.png").read_bytes()[:5000])
    monkeypatch.setattr(samples, "folder", lambda: tmp_path)
    with pytest.raises(datasets.images.DataMissing, match="sample images|cifar10.png"):
        samples.samples.__wrapped__()


# ------------------------------------------------------------------------------------------------------------
# networks


def test_shipped_networks_give_what_the_trained_ones_gave(weights, tiny):
    loaded = load_networks(folder=weights)
    assert list(loaded) == ["fully_connected", "simple_cnn", "coordinet"]
    images = samples.samples()[0][:4]
    for name, (model, data) in tiny.items():
        expected = model(data.normalise(images)).softmax(1)
        torch.testing.assert_close(loaded[name].probabilities(images), expected)


def test_without_weights_one_message_says_what_to_do(tmp_path):
    with pytest.raises(
        NoNetworks, match=r"coordinet\.\*\.safetensors.*spatialbias results pack"
    ) as error:
        load_networks(folder=tmp_path)
    assert str(tmp_path) not in str(error.value)


def test_a_damaged_file_is_named_and_left_out(weights):
    (weights / "coordinet.simple_cnn.safetensors").write_bytes(b"not safetensors")
    with pytest.warns(UserWarning, match=r"coordinet\.simple_cnn\.safetensors"):
        assert list(load_networks(folder=weights)) == ["fully_connected", "coordinet"]


def test_weights_without_their_trial_are_named_and_left_out(weights, tiny):
    save_file(tiny["coordinet"][0].state_dict(), weights / "coordinet.coordinet.safetensors")
    with pytest.warns(UserWarning, match="'trial'"):
        assert "coordinet" not in load_networks(folder=weights)


def test_unsuitable_networks_are_refused(tiny):
    ridge = {"kernel_ridge": (models.build("kernel_ridge"), cifar10())}
    with pytest.raises(ValueError, match="kernel_ridge.*probabilities"):
        picture(networks=ridge)
    mixed = {**tiny, "coordinet": (tiny["coordinet"][0], made_up(samples.samples()[2]))}
    with pytest.raises(ValueError, match="coordinet.*one data set"):
        picture(networks=mixed)


# -------------------------------------------------------------------------------------------------------------
# widget


def test_every_control_changes_what_is_shown(tiny):
    widget = explore("rotation", tiny, live=True)
    changes = {
        widget.degrees: 60,
        widget.crop: 20,
        widget.right: 5,
        widget.down: -7,
        widget.image: 4,
    }
    for control, value in changes.items():
        before, html = (
            {name: p.clone() for name, p in widget.probabilities.items()},
            widget.view.value,
        )
        control.value = value
        assert widget.view.value != html
        for name, p in widget.probabilities.items():
            assert not torch.equal(p, before[name]), (name, control.description)
            assert p.sum() == pytest.approx(1, abs=1e-5)


def test_the_widget_shows_the_networks_own_answers(tiny):
    widget = explore("resized_crop", tiny, live=True)
    widget.image.value, widget.degrees.value, widget.crop.value = 7, 30, 24
    seen = View(degrees=30, crop=24)(samples.samples()[0][7:8])
    for name, (model, data) in tiny.items():
        expected = model(data.normalise(seen)).softmax(1)[0]
        torch.testing.assert_close(widget.probabilities[name], expected, rtol=1e-4, atol=1e-5)
        assert f"{100 * expected[0]:.0f}&nbsp;%" in widget.view.value


def test_reset_undoes_every_shift_at_once(tiny):
    widget = explore("rotation", tiny, live=True)
    start = widget.view.value
    widget.degrees.value, widget.crop.value, widget.down.value = 90, 16, 3
    shown = []
    widget.view.observe(lambda change: shown.append(change["new"]), "value")
    widget.reset.click()
    assert shown == [start]
    widget.degrees.value = 10
    assert widget.view.value != start


def test_the_page_s_own_slider_comes_first(tiny):
    for shift, name in (
        ("rotation", "turn"),
        ("resized_crop", "crop"),
        ("translation", "move right"),
    ):
        controls = explore(shift, tiny, live=True).children[0].children
        assert controls[0].description == "picture" and controls[1].description.startswith(name)


def test_answers_come_in_well_under_a_second(tiny):
    widget, seconds = explore("rotation", tiny, live=True), []
    for degrees in range(10, 60, 10):
        start = time.perf_counter()
        widget.degrees.value = degrees
        seconds.append(time.perf_counter() - start)
    assert sorted(seconds)[2] < 0.5


def test_text_is_escaped(tiny):
    evil = '<img src=x onerror="alert(1)">'
    classes = (evil, "$\\frac{", *samples.samples()[2][2:])
    model = tiny["coordinet"][0]
    data = made_up(classes)
    given = {evil: explorer_networks.Network(model, data, evil), "$\\frac{": (model, data)}
    widget = explore("rotation", given, live=True)
    assert (
        "<img src=x" not in widget.view.value
        and "&lt;img src=x onerror=&quot;" in widget.view.value
    )
    assert "<img src=x" not in widget._repr_mimebundle_()["image/svg+xml"]


def test_grey_images_of_another_size():
    model = models.build("fully_connected", channels=1, size=28, classes=2, width=8, hidden=2)
    given = {"fully_connected": (model, made_up(("this", "that"), 1, 28))}
    widget = explore("resized_crop", given, live=True)
    assert (widget.crop.max, len(widget.image.options)) == (28, 6)
    widget.crop.value = 20
    assert len(picture("resized_crop", given).axes) == 10


def test_without_networks_the_widget_is_a_message(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "shipped_results", lambda: tmp_path)
    shown = explore(live=True)
    assert isinstance(shown, ipywidgets.HTML) and "spatialbias results pack" in shown.value
    assert "spatialbias results pack" in figure_text(picture()).replace("\n", " ")
    assert "gave none" in explore(networks={}, live=True).value


# -------------------------------------------------------------------------------------------------
# picture, and which


@pytest.mark.parametrize("shift", SHIFTS)
def test_the_picture_has_a_column_an_amount_and_a_bar_a_network(tiny, shift):
    figure = picture(shift, tiny)
    amounts = SHIFTS[shift].amounts
    top, bottom = figure.axes[: len(amounts)], figure.axes[len(amounts) :]
    assert [ax.get_title() for ax in top] == [f"{amount}{SHIFTS[shift].unit}" for amount in amounts]
    assert all(len(ax.images) == 1 for ax in top)
    assert all(len(ax.patches) == 3 and ax.get_xlim() == (0, 1) for ax in bottom)
    image, true = samples.samples()[0][:1], int(samples.samples()[1][0])
    for amount, ax in zip(amounts, bottom, strict=True):
        seen = SHIFTS[shift].view(amount, 32)(image)
        for bar, (model, data) in zip(ax.patches, tiny.values(), strict=True):
            expected = model(data.normalise(seen)).softmax(1)[0, true].item()
            assert bar.get_width() == pytest.approx(expected, rel=1e-3, abs=1e-5)
    words = figure_text(figure)
    assert (
        "fully connected" in words and "Coordinet" in words and samples.samples()[2][true] in words
    )


def test_wrong_arguments_name_what_is_allowed(tiny):
    with pytest.raises(ValueError, match="shift='warp'.*rotation, resized_crop"):
        explore("warp", tiny)
    with pytest.raises(ValueError, match="image=30: it must be from 0 to 29"):
        picture("rotation", tiny, image=30)


def test_views_are_the_shifts_of_the_measures():
    images = samples.samples()[0][:2]
    assert torch.equal(View()(images), images)
    assert torch.equal(View(degrees=40)(images), shifts.rotate(images, 40))
    assert torch.equal(View(crop=25)(images), shifts.resized_crop(images, 25))
    assert torch.equal(View(right=3, down=-2)(images), shifts.shift_by(images, -2, 3))


def test_a_page_of_the_book_shows_the_picture(tiny, monkeypatch):
    class Shell:
        kernel = object()

    monkeypatch.setattr("IPython.get_ipython", Shell)
    monkeypatch.delenv("SPATIALBIAS_PROFILE", raising=False)
    assert front_end() and isinstance(explore("rotation", tiny), ipywidgets.VBox)
    monkeypatch.setenv("SPATIALBIAS_PROFILE", "smoke")
    assert not front_end() and isinstance(explore("rotation", tiny), Figure)
    monkeypatch.delenv("SPATIALBIAS_PROFILE")
    monkeypatch.setattr("IPython.get_ipython", lambda: None)
    assert not front_end()


def test_the_widget_carries_the_picture_for_programs_without_widgets(tiny):
    bundle = explore("rotation", tiny, live=True)._repr_mimebundle_()
    assert WIDGET in bundle and "<svg" in bundle["image/svg+xml"]
