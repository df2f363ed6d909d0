"""The explorer: networks from files or from the reader, what is shown, and what the kernel answers."""

import base64
import gzip
import json

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("anywidget")

from PIL import Image  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from spatialbias import datasets, models, paths, shifts  # noqa: E402
from spatialbias.datasets import Batch, Data, not_so_clevr  # noqa: E402
from spatialbias.explorer import (  # noqa: E402
    NoNetworks,
    advance,
    explore,
    explore_kernels,
    explore_square,
    export,
    load_networks,
    samples,
    square,
)
from spatialbias.explorer import networks as explorer_networks  # noqa: E402
from spatialbias.explorer.hosts import Page  # noqa: E402
from spatialbias.explorer.view import View, order  # noqa: E402
from spatialbias.explorer.widget import Explorer, own  # noqa: E402
from spatialbias.layers import LRLC2d  # noqa: E402
from spatialbias.trials import Trial  # noqa: E402

TINY = {
    "fully_connected": {"width": 8, "hidden": 2},
    "simple_cnn": {},
    "coordinet": {"width": 8, "layers": 2, "frequencies": 2},
}
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)


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


def linear(classes=10, size=3 * 32 * 32) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(size, classes))


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ({"mine": linear(7)}, r"'mine' answers 2 images with \(2, 7\).*\(2, 10\)"),
        (linear(10, 100), "'Sequential' cannot take images of 3x32x32"),
        ({"mine": nn.Flatten()}, "'mine' has no parameters"),
        ({"mine": "a name"}, "'mine' is a str"),
        ([linear()], "no network"),
        ({"kernel_ridge": models.build("kernel_ridge")}, "kernel_ridge.*scores"),
    ],
)
def test_unsuitable_networks_are_refused_in_one_sentence(networks, message):
    with pytest.raises(ValueError, match=message) as error:
        explore(networks)
    assert "\n" not in str(error.value)


def test_networks_of_two_data_sets_are_refused(tiny):
    mixed = {**tiny, "coordinet": (tiny["coordinet"][0], made_up(samples.samples()[2]))}
    with pytest.raises(ValueError, match="coordinet.*one data set"):
        explore(mixed)


def test_asking_a_network_leaves_it_in_training():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(3072, 10))
    network = explorer_networks.of(model)["Sequential"]
    images = samples.samples()[0][:2]
    assert torch.equal(network.probabilities(images), network.probabilities(images))
    assert model.training


# -------------------------------------------------------------------------------------------------
# what is shown


def test_views_are_the_books_shifts():
    images = samples.samples()[0][:2]
    assert torch.equal(View()(images), images)
    assert torch.equal(View(turn=40)(images), shifts.rotate(images, 40))
    assert torch.equal(View(crop=25)(images), shifts.resized_crop(images, 25))
    assert torch.equal(View(right=3, down=-2)(images), shifts.shift_by(images, -2, 3))
    assert torch.equal(View(blur=20)(images), shifts.blur(images, 12))
    assert torch.equal(View(corners=True)(images), shifts.mask_disc(images))
    both = View(turn=40, scramble=True)(images)
    assert torch.equal(both.flatten(2), shifts.rotate(images, 40).flatten(2)[:, :, order(32, 32)])
    noisy = View(noise=20)(images.new_full((1, 3, 32, 32), 128)).float()
    assert noisy.mean() == pytest.approx(128, abs=1.5) and noisy.std() == pytest.approx(20, abs=1.5)


def test_the_scrambling_is_the_one_that_networks_were_trained_on():
    images, target, classes = samples.samples()
    batch = Batch((images,), target)
    data = Data(batch, batch, "samples", classes)
    moved = datasets.images.arrange(data, "fixed", "grid").test.inputs[0]
    assert torch.equal(View(scramble=True)(images), moved)


def test_ones_own_image_comes_first_and_has_no_class(tiny):
    grey = np.linspace(0, 1, 64 * 96).reshape(64, 96)
    widget = explore(tiny, image=grey, turn=20)
    assert widget.data["labels"][0] == -1 and widget.data["labels"][1:] == (
        samples.samples()[1].tolist()
    )
    assert widget.data["grid"]["images"] == [0] and widget.state == {"turn": 20}


def test_every_form_of_an_image_is_the_same_image(tmp_path):
    pixels = torch.randint(0, 256, (40, 40, 3), dtype=torch.uint8).numpy()
    picture = Image.fromarray(pixels)
    picture.save(tmp_path / "mine.png")
    first = own(picture, (3, 32, 32))
    assert first.shape == (1, 3, 32, 32) and first.dtype == torch.uint8
    for image in (pixels, pixels.transpose(2, 0, 1), pixels / 255, str(tmp_path / "mine.png")):
        assert torch.equal(own(image, (3, 32, 32)), first)
    assert own(pixels, (1, 28, 28)).shape == (1, 1, 28, 28)
    assert torch.equal(own(samples.samples()[0][4], (3, 32, 32)), samples.samples()[0][4:5])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("nowhere.png", "nowhere.png.*cannot be read"),
        (np.zeros((4, 5, 6, 7)), r"shape \(4, 5, 6, 7\)"),
        (np.full((8, 8), 3.5), r"outside \[0, 1\]"),
        (np.full((8, 8), 300), "outside 0 to 255"),
        (object(), "image is a object"),
    ],
)
def test_an_unreadable_image_is_refused_in_one_sentence(image, message):
    with pytest.raises(ValueError, match=message):
        own(image, (3, 32, 32))


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"turn": 181}, "turn=181.*from -180 to 180"),
        ({"crop": 2.5}, "crop=2.5.*whole number"),
        ({"network": "resnet"}, "network='resnet'.*coordinet"),
        ({"start": "frog 9"}, "start='frog 9'.*frog 1"),
        ({"tilt": 3}, "'tilt' is no control.*turn"),
    ],
)
def test_a_wrong_start_names_what_is_allowed(tiny, state, message):
    with pytest.raises(ValueError, match=message):
        explore(tiny, **state)


def test_grey_images_of_another_size():
    model = models.build("fully_connected", channels=1, size=28, classes=2, width=8, hidden=2)
    widget = explore({"fully_connected": (model, made_up(("this", "that"), 1, 28))}, crop=20)
    assert widget.data["size"] == [1, 28, 28] and len(widget.data["names"]) == 6


def test_without_networks_it_is_a_message(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "shipped_results", lambda: tmp_path)
    assert "spatialbias results pack" in explore().data
    assert "gave none" in explore({}).data


# -------------------------------------------------------------------------------------------------
# the kernel's side, and the page's


@pytest.fixture
def asked(tiny, monkeypatch):
    """The widget, and a function that asks it as the front end does."""
    widget, sent = explore(tiny), []
    monkeypatch.setattr(Explorer, "send", lambda self, *message: sent.append(message))

    def ask(images, names, **changes):
        message = {"id": 3, "n": len(images), "names": names} | changes
        widget._handle_custom_msg(message, [images.numpy().tobytes()])
        return sent.pop()

    return widget, ask


def test_the_kernel_answers_what_the_networks_answer(asked, tiny):
    widget, ask = asked
    images, names = View(turn=30)(samples.samples()[0][:3]), ["coordinet", "simple_cnn"]
    message, (answer,) = ask(images, names)
    found = torch.frombuffer(bytearray(answer), dtype=torch.float32).view(2, 3, 10)
    assert message == {"id": 3}
    for name, p in zip(names, found, strict=True):
        model, data = tiny[name]
        torch.testing.assert_close(p, model(data.normalise(images)).softmax(1))
    ask(images[:1], ["simple_cnn"])
    torch.testing.assert_close(widget.probabilities["simple_cnn"], found[1, 0])


def test_the_kernel_answers_with_the_gradient_of_the_winner(asked, tiny):
    _, ask = asked
    image = samples.samples()[0][4]
    _, (answer,) = ask(image[None], ["simple_cnn"], gradient=True)
    found = torch.frombuffer(bytearray(answer), dtype=torch.float32).view(32, 32)
    model, data = tiny["simple_cnn"]

    @torch.no_grad()
    def winner(pixels):
        scaled = (pixels - torch.tensor(MEAN).view(-1, 1, 1)) / torch.tensor(STD).view(-1, 1, 1)
        return model.double()(scaled[None].double()).log_softmax(1).amax()

    pixels, step = image.double() / 255, torch.zeros(3, 32, 32, dtype=torch.double)
    size = 0.0
    for channel in range(3):
        step[channel, 10, 20] = 1e-5
        size += float((winner(pixels + step) - winner(pixels - step)).abs() / 2e-5)
        step.zero_()
    assert float(found[10, 20]) == pytest.approx(size, rel=1e-3)


def test_a_failing_network_is_told_to_the_front_end(asked):
    _, ask = asked
    (message,) = ask(samples.samples()[0][:1], ["nobody"])
    assert message["id"] == 3 and "nobody" in message["error"]


def test_what_a_saved_notebook_holds_needs_no_kernel(tiny):
    data, _ = explore(tiny, turn=20)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    page = data["text/html"]
    assert '"turn": 20' in page and "export default" not in page
    assert page.count("</script>") == 1


def test_text_is_escaped():
    evil = '</script><img src=x onerror="alert(1)">'
    model = linear(2)
    page = Page(*_shown({evil: (model, made_up((evil, "b")))}))._repr_html_()
    assert page.count("</script>") == 1 and "<img" not in page


def _shown(networks):
    widget = explore(networks)
    return widget.data, widget.state


def test_while_the_book_is_made_it_is_a_page(tiny, monkeypatch):
    monkeypatch.setenv("SPATIALBIAS_PROFILE", "smoke")
    assert isinstance(explore(tiny), Page) and not explore(tiny).shared
    assert explore().shared and len(explore(turn=3)._repr_html_()) < 1000


# -------------------------------------------------------------------------------------------------
# the siblings


def test_the_square_is_drawn_and_named_as_its_networks_do():
    widget, sent = explore_square(x=20), []
    networks = square.networks()
    widget.send = lambda *message: sent.append(message)
    centres = torch.tensor([[22.0, 21.0], [6.0, 9.0]])
    message = {"id": 1, "n": 2, "names": list(networks)}
    widget._handle_custom_msg(message, [centres.numpy().tobytes()])
    found = torch.frombuffer(bytearray(sent[0][1][0]), dtype=torch.float32).view(4, 2, 32, 32)
    drawn = not_so_clevr.draw(centres.long(), 32, 32, 9)[:, 0] > 0.5
    overlap = ((found > 0.5) & drawn).sum((2, 3)) / ((found > 0.5) | drawn).sum((2, 3))
    named = found.flatten(2).argmax(2)
    assert overlap[0].min() > 0.9  # CoordConv, in the held-out quadrant too
    assert named[1].tolist() == [21 * 32 + 22, 9 * 32 + 6]
    assert overlap[2, 0] < 0.5 < overlap[2, 1] and named[3, 0] != named[1, 0]  # the deconvolution
    assert widget.state == {"x": 20, "y": 21} and widget.data["held_out"] == [17, 17]


@pytest.mark.parametrize("start", [{"x": 3}, {"y": 28}, {"x": 5.0}, {"z": 5}])
def test_a_square_that_leaves_the_canvas_is_refused(start):
    with pytest.raises(ValueError, match="from 4 to 27"):
        explore_square(**start)


@pytest.mark.parametrize("weights", ["row_col", "table", "input"])
def test_kernels_are_what_the_layer_mixes(weights):
    layer = LRLC2d(3, 4, 3, input_size=(10, 9), rank=2, weights=weights)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    images = torch.rand(5, 3, 10, 9)
    (shown,) = explore_kernels(nn.Sequential(layer), images, row=2).data["layers"]
    given = (
        layer.combining_weights(images) if weights == "input" else layer.combining_weights()[None]
    )
    found = shown["most"] * unpacked(shown["weights"], np.int16) / 32767
    assert shown["shape"] == list(given.shape)
    np.testing.assert_allclose(found, given.detach().flatten(), atol=1e-4)
    np.testing.assert_array_equal(
        unpacked(shown["basis"], np.float32), layer.basis().detach().flatten()
    )
    assert (shown["images"] is None) == (weights != "input")


def test_kernels_of_many_channels_are_their_mean():
    layer = LRLC2d(5, 4, 3, input_size=(10, 9), rank=2)
    (shown,) = explore_kernels(layer).data["layers"]
    mean = layer.basis().detach().mean(2)
    assert shown["kernel"] == [4, 1, 3]
    np.testing.assert_array_equal(unpacked(shown["basis"], np.float32), mean.flatten())


def unpacked(text, kind):
    return np.frombuffer(gzip.decompress(base64.b64decode(text)), kind)


@pytest.mark.parametrize(
    ("networks", "more", "message"),
    [
        (nn.Flatten(), {}, "Flatten has no LRLC2d"),
        ("faces, K = 3", {}, "'faces, K = 3': there are faces, K = 2"),
        (LRLC2d(3, 4, 3, input_size=(9, 9), rank=2, weights="input"), {}, "images= is needed"),
        (LRLC2d(3, 4, 3, input_size=(9, 9), rank=2), {"row": 7}, "row=7: there are.*row= to 6"),
    ],
)
def test_what_has_no_kernels_to_show_is_refused(networks, more, message):
    with pytest.raises(ValueError, match=message):
        explore_kernels(networks, **more)


# -------------------------------------------------------------------------------------------------
# what the page runs


@pytest.mark.parametrize(("K", "padding"), [(3, 1), (3, "valid"), (5, "same"), (5, 0)])
def test_convolution_by_tiles_is_convolution(K, padding):
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 6, K, padding=padding, bias=K == 5)
    side = 16 if padding in (1, "same") else 16 + K - 1
    x = torch.randn(3, side, side)
    found = export.convolution(x.permute(1, 2, 0), layer).permute(2, 0, 1)
    torch.testing.assert_close(found, layer(x[None])[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [*TINY, "pooled_cnn"])
def test_exported_networks_answer_as_in_python(tiny, name):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    if name == "pooled_cnn":
        tiny = {name: (models.build(name, width=8), cifar10())}
    network = explorer_networks.of(tiny)[name]
    session = onnxruntime.InferenceSession(export.classifier(network)[0])
    for image in samples.samples()[0][:3]:
        for wanted in (True, False):
            p, slope = session.run(None, {"images": image.numpy(), "wanted": np.array(wanted)})
            np.testing.assert_allclose(p, network.probabilities(image[None])[0].detach(), atol=1e-4)
            exact = network.gradient(image).numpy() if wanted else 0 * slope
            near = np.isclose(slope, exact, atol=1e-3 * exact.max())
            assert (
                near.mean() > 0.95
            )  # where two pixels of a pool are all but equal, either may win


# -------------------------------------------------------------------------------------------------
# what is known in advance


def test_answers_in_advance_are_the_networks_answers(tiny):
    network = explorer_networks.of(tiny)["simple_cnn"]
    images = samples.samples()[0][:2]
    found = advance.answers(network, images, angles=(0, 40), sizes=(32, 24))
    assert found.shape == (2, 2, 2, 10) and found.dtype == torch.uint8
    wanted = network.probabilities(View(40, 24)(images))
    assert (found[:, 1, 1].float() / 255 - wanted).abs().max() <= 0.5 / 255 + 1e-6


def test_the_shipped_answers_are_of_the_shipped_networks():
    networks = load_networks()
    grid, curves = advance.shipped(networks)
    assert list(grid["answers"]) == list(networks), "run `spatialbias results pack`"
    images = samples.samples()[0]
    for name, network in networks.items():
        found = grid["answers"][name]
        assert found.shape == (30, 37, 10, 10)
        for i, a, c in ((0, 18, 0), (7, 3, 4), (29, 30, 9)):
            view = View(grid["angles"][a], grid["crops"][c])
            wanted = network.probabilities(view(images[i : i + 1]))[0]
            assert (found[i, a, c].float() / 255 - wanted).abs().max() < 0.02, (name, i, a, c)
    for name in networks:
        assert set(curves[name]) == {"turn", "crop", "right", "accuracy"}
        for control in ("turn", "crop", "right"):  # NaN, an interval of one run, fails too
            assert all(low <= mean <= high for _, mean, low, high, n in curves[name][control])
        upright = curves[name]["turn"][0][1]
        assert abs(curves[name]["accuracy"] - upright) < 0.05, name


def test_a_label_and_a_colour_are_the_books():
    from spatialbias.plots import style

    for name, (label, colour) in explorer_networks.SHIPPED.items():
        if name in style.COLOURS:
            assert (label, colour) == (style.label(name), style.colour(name))
