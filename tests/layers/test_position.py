import pytest
import torch

from spatialbias.layers import coordinate_grid
from spatialbias.layers.position import add_position


@pytest.mark.parametrize("size", [(14, 6), (6, 14), (2, 3), (64, 64), (1, 5), (5, 1)])
def test_each_axis_spans_exactly_minus_one_to_one(size):
    x, y = coordinate_grid(*size)
    assert x.shape == y.shape == size
    for axis, length in ((x[0], size[1]), (y[:, 0], size[0])):
        expected = (-1.0, 1.0) if length > 1 else (0.0, 0.0)
        assert (axis.min().item(), axis.max().item()) == expected
    assert (x == x[0]).all() and (y == y[:, :1]).all()


def test_x_is_the_column_and_comes_first():
    x, y = coordinate_grid(2, 3)
    assert x.tolist() == [[-1, 0, 1], [-1, 0, 1]]
    assert y.tolist() == [[-1, -1, -1], [1, 1, 1]]


def test_a_single_pixel_is_at_the_centre():
    assert coordinate_grid(1, 1).flatten().tolist() == [0, 0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_wide_maps_keep_their_ends_and_their_order_in_every_dtype(dtype):
    x = coordinate_grid(3, 1001, dtype)[0, 0]
    assert x.dtype == dtype and x[0] == -1 and x[-1] == 1 and x[500] == 0
    assert (x.diff() >= 0).all() and torch.equal(x, -x.flip(0))
    assert (
        x.double() - torch.linspace(-1, 1, 1001, dtype=torch.float64)
    ).abs().max() <= torch.finfo(dtype).eps


def test_the_default_dtype_is_torch_s():
    assert coordinate_grid(2, 2).dtype == torch.get_default_dtype()


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 4, 5), (0, 3, 4, 5)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_add_position_has_the_gradients_of_the_plain_sum(shape, memory_format):
    if len(shape) == 3 and memory_format is torch.channels_last:
        pytest.skip("an unbatched map has no such format")
    out = (
        torch.randn(shape, dtype=torch.float64)
        .contiguous(memory_format=memory_format)
        .requires_grad_()
    )
    weight = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    coordinates = torch.randn(2, 20, dtype=torch.float64)

    def ours(out, weight):
        return add_position(out.clone(), weight, coordinates)

    expected = out + (weight @ coordinates).view(3, 4, 5)
    torch.testing.assert_close(ours(out, weight), expected)
    assert ours(out, weight).stride() == out.stride()
    if out.numel():
        assert torch.autograd.gradcheck(ours, (out, weight))
        assert torch.autograd.gradgradcheck(ours, (out, weight))
    else:
        assert torch.autograd.grad(ours(out, weight).sum(), weight)[0].eq(0).all()


def test_learnt_coordinates_get_their_gradient_too():
    coordinates = torch.randn(2, 20, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    out = torch.zeros(2, 3, 4, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda w, c: add_position(out.clone(), w, c), (weight, coordinates)
    )
