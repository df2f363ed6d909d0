"""A trained convolution becomes a layer of ours that answers alike; and layers are typed."""

import inspect
import re
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from torch import nn

from spatialbias import layers
from spatialbias.layers import CoordBiasConv2d, CoordConv2d, LocallyConnected2d, LRLC2d, ModFC


@pytest.mark.parametrize(
    "convert",
    [
        CoordConv2d.from_conv,
        lambda conv: CoordConv2d.from_conv(conv, radius=True),
        CoordBiasConv2d.from_conv,
        lambda conv: LocallyConnected2d.from_conv(conv, input_size=7),
    ],
)
@pytest.mark.parametrize(
    "options",
    [
        {"padding": 1, "stride": 2},
        {"padding": "same", "padding_mode": "reflect", "bias": False},
        {"dilation": (1, 2), "dtype": torch.float64},
    ],
)
def test_it_answers_as_the_convolution_did(convert, options):
    conv = nn.Conv2d(2, 3, 3, **options)
    x = torch.randn(2, 2, 7, 7, dtype=conv.weight.dtype)
    layer = convert(conv)
    torch.testing.assert_close(layer(x), conv(x))
    with torch.no_grad():
        conv.weight.zero_()  # the weights were copied
    assert layer.weight.any()


def test_groups_pass_where_the_layer_has_them():
    conv, x = nn.Conv2d(4, 4, 3, groups=2), torch.randn(1, 4, 5, 5)
    torch.testing.assert_close(CoordBiasConv2d.from_conv(conv)(x), conv(x))
    with pytest.raises(ValueError, match="groups"):
        CoordConv2d.from_conv(conv)


def test_what_the_readme_shows_works():
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    names: dict = {}
    exec(re.search(r"## Use a layer.*?```python\n(.*?)```", text, re.DOTALL)[1], names)
    assert names["out"].shape == (8, 1024, 200) and names["local"].input_size == (16, 16)
    shown = re.findall(r"`(\w+\.from_conv\(.*?\))`", text)
    assert len(shown) == 3
    for call in shown:
        assert isinstance(eval(call, names | {"conv": nn.Conv2d(3, 4, 3)}), nn.Module)


@pytest.mark.parametrize("kind", [CoordConv2d, CoordBiasConv2d, LocallyConnected2d, LRLC2d, ModFC])
def test_layers_are_typed(kind):
    assert files(layers).parent.joinpath("py.typed").is_file()
    for function in (kind.__init__, kind.forward):
        taken = inspect.signature(function).parameters.values()
        assert all(p.annotation is not p.empty for p in taken if p.name != "self")
    assert inspect.signature(kind.forward).return_annotation is torch.Tensor
