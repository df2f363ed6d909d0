"""Shifts, each against a plain reference."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialbias import shifts
from spatialbias.layers.position import coordinate_grid

ALL = {
    "rotate": lambda x: shifts.rotate(x, 30),
    "rotate_back": lambda x: shifts.rotate_back(x, 30),
    "mask_disc": shifts.mask_disc,
    "resized_crop": lambda x: shifts.resized_crop(x, 25),
    "resized_crop_exact": lambda x: shifts.resized_crop_exact(x, 25.5),
    "scale_down": lambda x: shifts.scale_down(x, 20),
    "blur": lambda x: shifts.blur(x, 20),
    "translate": lambda x: shifts.translate(x, 3),
    "fisheye": lambda x: shifts.fisheye(x, 0.5),
    "fisheye_undo": lambda x: shifts.fisheye_undo(x, 0.5),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("channels, side, count", [(3, 32, 5), (1, 28, 2), (3, 32, 1)])
def test_shape_type_and_batch(pictures, name, channels, side, count):
    """Shape and type stay, the images are left as they were, and each is treated alone (translation
    turns by number).
    """
    images = pictures(count, channels, side)
    kept = images.clone()
    shifted = ALL[name](images)
    assert (
        shifted.shape == images.shape and shifted.dtype == torch.uint8 and torch.equal(images, kept)
    )
    assert not torch.equal(shifted, images)
    assert torch.equal(ALL[name](images[:1]), shifted[:1])


def bilinear(image, rows, columns):
    """Plain bilinear reading of a (C, H, W) float image, edges repeated, at places in pixels."""
    H, W = image.shape[1:]
    rows, columns = rows.clamp(0, H - 1), columns.clamp(0, W - 1)
    top, left = rows.floor().long(), columns.floor().long()
    down, right = (top + 1).clamp(max=H - 1), (left + 1).clamp(max=W - 1)
    a, b = (rows - top)[:, None], (columns - left)[None]
    return (
        (1 - a) * (1 - b) * image[:, top][:, :, left]
        + (1 - a) * b * image[:, top][:, :, right]
        + a * (1 - b) * image[:, down][:, :, left]
        + a * b * image[:, down][:, :, right]
    )


def close(found, wanted, most=1):
    difference = (found.double() - wanted.double()).abs()
    assert float(difference.max()) <= most, f"{float(difference.max())} grey levels"
    return float(difference.mean())


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 360, -90])
def test_quarter_turns_are_exact_and_counter_clockwise(pictures, degrees):
    images = pictures(2)
    assert torch.equal(
        shifts.rotate(images, degrees), torch.rot90(images, degrees // 90 % 4, (2, 3))
    )
    corner = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    corner[..., 0, 7] = 255  # top right: after a quarter turn counter-clockwise, top left
    assert shifts.rotate(corner, 90)[0, 0, 0, 0] == 255


@pytest.mark.parametrize("degrees", [10, 45, 80, -25])
def test_rotation_against_a_plain_reference(pictures, degrees):
    images = pictures(2).double()
    angle = torch.tensor(degrees * torch.pi / 180, dtype=torch.float64)
    y, x = torch.meshgrid(torch.arange(32) - 15.5, torch.arange(32) - 15.5, indexing="ij")
    source_x, source_y = (
        x * angle.cos() - y * angle.sin() + 15.5,
        x * angle.sin() + y * angle.cos() + 15.5,
    )
    inside = (source_x >= 0) & (source_x <= 31) & (source_y >= 0) & (source_y <= 31)
    left, top = source_x.floor().long().clamp(0, 30), source_y.floor().long().clamp(0, 30)
    a, b = source_y - top, source_x - left
    wanted = (
        (1 - a) * (1 - b) * images[:, :, top, left]
        + (1 - a) * b * images[:, :, top, left + 1]
        + a * (1 - b) * images[:, :, top + 1, left]
        + a * b * images[:, :, top + 1, left + 1]
    )
    found = shifts.rotate(pictures(2), degrees).double()
    assert float((found - wanted)[:, :, inside].abs().max()) <= 1
    outside = (source_x < -1) | (source_x > 32) | (source_y < -1) | (source_y > 32)
    assert not found[:, :, outside].any() and (bool(outside.any()) or abs(degrees) < 5)


def test_there_and_back(pictures):
    images = pictures(2)
    assert torch.equal(shifts.rotate_back(images, 0), images) and torch.equal(
        shifts.rotate_back(images, 90), images
    )
    assert torch.equal(
        shifts.rotate_back(images, 20), shifts.rotate(shifts.rotate(images, 20), -20)
    )
    assert (
        float((shifts.rotate_back(images, 20).double() - images)[:, :, 10:22, 10:22].abs().mean())
        < 6
    )


@pytest.mark.parametrize("side", [28, 32, 7])
def test_the_disc_is_what_no_rotation_leaves(side):
    kept = shifts.mask_disc(torch.full((1, 1, side, side), 9, dtype=torch.uint8))[0, 0]
    assert (
        set(kept.unique().tolist()) == {0, 9}
        and kept[side // 2, 0] == kept[side // 2, -1] == 9
        and kept[0, 0] == 0
    )
    wanted = [
        [
            9 if (r - (side - 1) / 2) ** 2 + (c - (side - 1) / 2) ** 2 <= side**2 / 4 else 0
            for c in range(side)
        ]
        for r in range(side)
    ]
    assert kept.tolist() == wanted


@pytest.mark.parametrize("degrees", [0, 90, 10, 45])
def test_covered_is_one_inside_and_zero_in_the_fill(pictures, degrees):
    weights = shifts.covered(pictures(1), degrees).view(32, 32)
    assert float(weights[16, 16]) == 1 and float(weights.min()) >= 0 and float(weights.max()) == 1
    assert bool((weights == 1).all()) == (degrees % 90 == 0)
    if degrees == 45:  # an octagon of area 2 (sqrt 2 - 1) of the square is left
        assert (
            float(weights.mean()) == pytest.approx(2 * (2**0.5 - 1), abs=0.02)
            and float(weights[0, 0]) == 0
        )


@pytest.mark.parametrize("side", [32, 28])
@pytest.mark.parametrize("pixels", [23, 24, 27, 28])
def test_resized_crop_against_a_plain_reference(pictures, side, pixels):
    images = pictures(2, side=side)
    first = (side - pixels) // 2
    places = (torch.arange(side, dtype=torch.float64) + 0.5) * pixels / side - 0.5
    for image, found in zip(images.double(), shifts.resized_crop(images, pixels), strict=True):
        close(
            found,
            bilinear(
                image[:, first : first + pixels, first : first + pixels], places, places
            ).round(),
        )


@pytest.mark.parametrize("pixels", [24, 26, 28, 30, 32])
def test_the_exact_crop_is_the_plain_one_at_even_sizes(pictures, pixels):
    """Inside; at the edge the plain one repeats the last pixel of the crop, the exact one reads its
    neighbour.
    """
    images = pictures(3)
    inside = slice(2, -2)
    close(
        shifts.resized_crop_exact(images, pixels)[:, :, inside, inside],
        shifts.resized_crop(images, pixels)[:, :, inside, inside],
    )


@given(st.floats(20, 32))
@settings(max_examples=20, deadline=None)
def test_the_exact_crop_is_centred_at_every_size(pixels):
    ramp = (torch.arange(32) * 8).to(torch.uint8).expand(1, 1, 32, 32).contiguous()
    found = shifts.resized_crop_exact(ramp, pixels)[0, 0, 5].double()
    assert float((found + found.flip(0) - 248).abs().max()) <= 1  # symmetric about the middle
    wanted = 8 * (15.5 + (torch.arange(32) - 15.5) * pixels / 32)
    assert float((found - wanted)[3:-3].abs().max()) <= 1


def test_the_whole_is_no_crop(pictures):
    images = pictures(3)
    for same in (
        shifts.resized_crop(images, 32),
        shifts.resized_crop_exact(images, 32),
        shifts.blur(images, 32),
        shifts.scale_down(images, 32),
        shifts.resize(images, 32),
        shifts.translate(images, 0),
        shifts.fisheye(images, 0.0),
        shifts.fisheye_undo(images, 0.0),
    ):
        close(same, images)


def test_blur_against_a_plain_reference(pictures):
    images = pictures(2)
    down = (torch.arange(24, dtype=torch.float64) + 0.5) * 32 / 24 - 0.5
    up = (torch.arange(32, dtype=torch.float64) + 0.5) * 24 / 32 - 0.5
    for image, found in zip(images.double(), shifts.blur(images, 24), strict=True):
        close(
            found, bilinear(bilinear(image, down, down).round(), up, up).round(), most=2
        )  # rounded twice


@pytest.mark.parametrize("pixels", [16, 23, 31])
def test_scaling_down_leaves_a_frame(pixels):
    small = shifts.scale_down(torch.full((2, 3, 32, 32), 200, dtype=torch.uint8), pixels)
    assert int((small > 0).sum()) == 6 * pixels**2 and set(small.unique().tolist()) == {0, 200}
    rows = (small[0, 0] > 0).any(1).nonzero()[:, 0]
    assert int(rows[0]) == (32 - pixels) // 2 and len(rows) == pixels


@given(st.integers(-40, 40), st.integers(-40, 40))
@settings(max_examples=40, deadline=None)
def test_shift_by_against_a_loop(dy, dx):
    image = torch.arange(1, 31, dtype=torch.uint8).view(1, 1, 5, 6)
    found = shifts.shift_by(image, dy, dx)
    for r in range(5):
        for c in range(6):
            inside = 0 <= r - dy < 5 and 0 <= c - dx < 6
            assert found[0, 0, r, c] == (image[0, 0, r - dy, c - dx] if inside else 0)


def test_translation_turns_through_four_directions():
    images = torch.zeros(6, 1, 9, 9, dtype=torch.uint8)
    images[:, :, 4, 4] = 1
    found = [tuple(image.nonzero()[0].tolist()) for image in shifts.translate(images, 3)[:, 0]]
    assert found == [
        (4, 7),
        (7, 4),
        (4, 1),
        (1, 4),
        (4, 7),
        (7, 4),
    ]  # right, down, left, up, right, down
    assert shifts.translate(images[:0], 3).shape == (0, 1, 9, 9)


def test_resize_halves_by_averaging():
    """Antialiased: two pixels' stripes become grey, where plain reading would keep them."""
    stripes = (torch.arange(32) % 2 * 200).to(torch.uint8).expand(1, 3, 32, 32).contiguous()
    small = shifts.resize(stripes, 16)
    assert (
        small.shape == (1, 3, 16, 16) and float((small.double() - 100).abs()[..., 1:-1].max()) <= 30
    )
    assert shifts.resize(stripes, 64).shape == (1, 3, 64, 64)


@given(st.floats(0, 1), st.floats(-1, 1), st.floats(-1, 1))
@settings(max_examples=40, deadline=None)
def test_the_fisheye_map_by_hand(strength, x, y):
    wanted = (1 + strength * (x * x + y * y)) / (1 + strength)
    found = shifts.fisheye_map(torch.tensor([[x, y]], dtype=torch.float64), strength)[0].tolist()
    assert found == pytest.approx([x * wanted, y * wanted])
    assert shifts.fisheye_map(torch.tensor([[1.0, 0.0]]), strength)[0].tolist() == pytest.approx(
        [1, 0]
    )


def test_the_fisheye_shows_the_picture_at_the_map():
    ramp = (
        (coordinate_grid(33, 33)[0] * 120 + 127)
        .round()
        .to(torch.uint8)
        .expand(1, 1, 33, 33)
        .contiguous()
    )
    x = shifts.fisheye_map(coordinate_grid(33, 33).permute(1, 2, 0), 0.5)[..., 0]
    seen, inside = shifts.fisheye(ramp, 0.5)[0, 0].double(), x.abs() < 0.99
    inside = inside & inside.t()
    assert float((seen - (x * 120 + 127))[inside].abs().max()) <= 1.6


@pytest.mark.parametrize("strength", [0.25, 0.5, 1.0])
def test_straightening_undoes_the_fisheye(pictures, strength):
    places = coordinate_grid(32, 32).permute(1, 2, 0)  # corners and all
    torch.testing.assert_close(
        shifts.fisheye_map(shifts.fisheye_unmap(places, strength), strength),
        places,
        rtol=0,
        atol=1e-6,
    )
    torch.testing.assert_close(
        shifts.fisheye_unmap(shifts.fisheye_map(places, strength), strength),
        places,
        rtol=0,
        atol=1e-6,
    )
    images = pictures(4)
    straight = shifts.fisheye_undo(shifts.fisheye(images, strength), strength).double()
    error, warped = (
        (straight - images).abs(),
        (shifts.fisheye(images, strength).double() - images).abs(),
    )
    for part in (
        error[..., 4:-4, 4:-4],
        error,
    ):  # the lens squeezes the margin but loses none of it
        assert float(part.mean()) < 9 and float(part.mean()) < float(warped.mean()) / 3


@pytest.mark.parametrize("H, W", [(32, 32), (64, 64), (32, 64), (96, 32)])
def test_foveate_covers_the_picture_once(H, W):
    images = torch.randint(
        256, (2, 3, H, W), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    values, places, areas = shifts.foveate(images)
    assert values.shape == (2, 3, len(places)) and float(areas.sum()) == H * W
    assert float(places.abs().max()) <= 1 and set(areas.tolist()) == {1.0, 4.0, 16.0}
    torch.testing.assert_close(
        (values * areas).sum(2), images.double().sum((2, 3)).float(), rtol=1e-5, atol=1
    )
    torch.testing.assert_close(
        (places * areas[:, None]).sum(0) / (H * W), torch.zeros(2), rtol=0, atol=1e-5
    )
    covered = torch.zeros(H, W)
    for (x, y), area in zip(places.tolist(), areas.tolist(), strict=True):
        half = area**0.5 / 2
        row, column = (y + 1) / 2 * (H - 1) + 0.5, (x + 1) / 2 * (W - 1) + 0.5
        covered[
            round(row - half) : round(row + half), round(column - half) : round(column + half)
        ] += 1
    assert bool((covered == 1).all())
    assert (
        float(areas[places.abs().amax(1) < 0.45].max()) == 1
        and float(areas[places.abs().amax(1) > 0.8].min()) == 16
    )


@pytest.mark.parametrize("H, W", [(28, 28), (32, 40), (16, 16)])
def test_foveate_refuses_what_it_would_not_cover(H, W):
    with pytest.raises(ValueError, match=f"{H}x{W}.*32"):
        shifts.foveate(torch.zeros(1, 3, H, W, dtype=torch.uint8))


def test_foveate_keeps_the_middle_and_averages_outside():
    images = torch.arange(32 * 32).view(1, 1, 32, 32).remainder(251).to(torch.uint8)
    values, places, areas = shifts.foveate(images)
    grid = coordinate_grid(32, 32).flatten(1).t()
    for k in (0, 100, 255):
        pixel = (grid - places[k]).abs().sum(1).argmin()
        assert float(values[0, 0, k]) == float(images.flatten()[pixel])
    assert torch.equal(values[0, 0, -1], F.avg_pool2d(images.float(), 4)[0, 0, -1, -1])
