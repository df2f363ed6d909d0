import pytest
import torch
from torch import nn

from spatialbias.models.coordbias import LAYERS, vgg9_fcn


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def made(**arguments) -> nn.Module:
    torch.manual_seed(0)
    return vgg9_fcn(**arguments)


def test_published_numbers_of_parameters():
    assert parameters(vgg9_fcn()) == 1_533_284
    assert parameters(vgg9_fcn("coordbias")) == 1_535_076
    assert parameters(vgg9_fcn("coordconv")) == 1_533_284 + 16_128
    assert parameters(vgg9_fcn("fixed_maps")) == parameters(vgg9_fcn("redrawn_maps")) == 1_535_076
    assert parameters(vgg9_fcn(first_width=67)) == 1_535_076 + 20


@pytest.mark.parametrize("layer", LAYERS)
def test_a_class_for_every_pixel(layer):
    assert vgg9_fcn(layer)(torch.rand(2, 3, 32, 24)).shape == (2, 4, 32, 24)


@pytest.mark.parametrize("layer", [name for name in LAYERS if name != "conv"])
def test_equal_initialisation_shares_every_weight_that_is_not_about_position(layer):
    plain, aware = made().state_dict(), made(layer=layer).state_dict()
    for name, value in plain.items():
        other = aware[name][:, : value.shape[1]] if value.dim() == 4 else aware[name]
        assert torch.equal(other, value), name


def test_equal_networks_agree_once_position_is_muted():
    plain, aware = made().eval(), made(layer="coordbias").eval()
    with torch.no_grad():
        for name, parameter in aware.named_parameters():
            if "coordinate" in name:
                parameter.zero_()
    x = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(plain(x), aware(x))


def test_the_source_s_initialisation_differs_between_layers():
    plain, aware = (
        made(init="source").stages[0][0],
        made(layer="coordbias", init="source").stages[0][0],
    )
    assert plain.bias.eq(0).all() and not aware.bias.eq(0).all()
    assert abs(plain.weight.std() / (2 / (64 * 9)) ** 0.5 - 1) < 0.1  # He, fan-out
    assert aware.weight.abs().max() <= 27**-0.5  # PyTorch's default


def test_batch_statistics_make_evaluation_equal_training():
    network, x = made(statistics="batch"), torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(network.train()(x), network.eval()(x))
    running = made()
    assert not torch.allclose(running.train()(x), running.eval()(x))


def test_redrawn_maps_carry_nothing_from_one_call_to_the_next():
    network, x = made(layer="redrawn_maps").eval(), torch.rand(1, 3, 32, 32)
    assert not torch.equal(network(x), network(x))
    fixed = made(layer="fixed_maps").eval()
    assert torch.equal(fixed(x), fixed(x))


@pytest.mark.parametrize(
    "arguments", [{"encoder_norm": True}, {"padding_mode": "circular"}, {"padding_mode": "reflect"}]
)
def test_options_train(arguments):
    network = made(layer="coordbias", **arguments)
    network(torch.rand(1, 3, 32, 32)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == (
        9 if "encoder_norm" in arguments else 3
    )


def test_circular_padding_without_coordinates_knows_no_position():
    """Shifted by the encoder's stride, the encoder's output shifts along: what zeros at the border
    would break.
    """
    x = torch.rand(1, 3, 64, 64)
    for mode, equal in (("circular", True), ("zeros", False)):
        encoder = nn.Sequential(*made(padding_mode=mode).stages)
        with torch.no_grad():
            moved, still = encoder(x.roll(8, 3)), encoder(x).roll(1, 3)
        assert torch.allclose(moved, still, atol=1e-5) == equal


@pytest.mark.parametrize(
    "arguments", [{"layer": "dense"}, {"init": "zero"}, {"statistics": "none"}]
)
def test_what_makes_no_sense_raises(arguments):
    with pytest.raises(ValueError, match="must be one of"):
        vgg9_fcn(**arguments)
