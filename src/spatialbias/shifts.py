"""Shifts of images and of coordinates: batched functions of uint8 images (B, C, H, W), which return
the same shape and type.

Fill is black, interpolation bilinear without antialiasing, unless a function says otherwise (the
source is silent: our choice).
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

BILINEAR = 2  # torchvision's number of it


def rotate(images: Tensor, degrees: float) -> Tensor:
    """Turn counter-clockwise about the centre; multiples of 90 degrees are exact."""
    if degrees % 90 == 0:
        return torch.rot90(images, int(degrees // 90) % 4, (2, 3))
    return _torchvision().rotate(images, degrees, BILINEAR)


def rotate_back(images: Tensor, degrees: float) -> Tensor:
    """Turn forth and back: the blur (and the lost corners) of a rotation without the rotation."""
    return images if degrees == 0 else rotate(rotate(images, degrees), -degrees)


def mask_disc(images: Tensor) -> Tensor:
    """Blacken all but the inscribed disc, which no rotation leaves."""
    H, W = images.shape[2:]
    y, x = torch.meshgrid(
        torch.arange(H) - (H - 1) / 2, torch.arange(W) - (W - 1) / 2, indexing="ij"
    )
    return images * (x.square() + y.square() <= (min(H, W) / 2) ** 2).to(images.dtype).to(
        images.device
    )


def covered(images: Tensor, degrees: float) -> Tensor:
    """(H W,) weights in [0, 1]: which pixels of a rotated image come from inside the original."""
    white = torch.full((1, 1, *images.shape[2:]), 255, dtype=torch.uint8)
    return rotate(white, degrees)[0, 0].flatten().float() / 255


def resized_crop(images: Tensor, pixels: int) -> Tensor:
    """Cut out the central `pixels` x `pixels` (up and left by half a pixel where it cannot be
    centred) and enlarge to full size.
    """
    H, W = images.shape[2:]
    return _torchvision().resized_crop(
        images,
        (H - pixels) // 2,
        (W - pixels) // 2,
        pixels,
        pixels,
        [H, W],
        BILINEAR,
        antialias=False,
    )


def resized_crop_exact(images: Tensor, pixels: float) -> Tensor:
    """The same, centred exactly at every (also fractional) size: samples lie where `resized_crop`
    of an even size has them.
    """
    return _scale(images, pixels / images.shape[3])


def scale_down(images: Tensor, pixels: float) -> Tensor:
    """Shrink the whole image to `pixels` x `pixels` in the middle of a black frame, antialiased."""
    H, W = images.shape[2:]
    small = _torchvision().resize(images, [round(pixels), round(pixels)], BILINEAR, antialias=True)
    top, left = (H - small.shape[2]) // 2, (W - small.shape[3]) // 2
    return F.pad(small, (left, W - small.shape[3] - left, top, H - small.shape[2] - top))


def blur(images: Tensor, pixels: int) -> Tensor:
    """Shrink to `pixels` x `pixels` and enlarge again: the loss of detail of a resized crop without
    the crop.
    """
    size = list(images.shape[2:])
    small = _torchvision().resize(images, [pixels, pixels], BILINEAR, antialias=False)
    return _torchvision().resize(small, size, BILINEAR, antialias=False)


def translate(images: Tensor, pixels: int) -> Tensor:
    """Move by `pixels`, image i to the right, down, left or up as i mod 4; what enters is black."""
    moved = torch.zeros_like(images)
    for k, (dy, dx) in enumerate(((0, pixels), (pixels, 0), (0, -pixels), (-pixels, 0))):
        moved[k::4] = shift_by(images[k::4], dy, dx)
    return moved


def shift_by(images: Tensor, dy: int, dx: int) -> Tensor:
    """Move down by `dy` and right by `dx` whole pixels; what enters is black."""
    H, W = images.shape[2:]
    return F.pad(images, (max(dx, 0), max(-dx, 0), max(dy, 0), max(-dy, 0)))[
        :, :, max(-dy, 0) : max(-dy, 0) + H, max(-dx, 0) : max(-dx, 0) + W
    ]


def resize(images: Tensor, pixels: int) -> Tensor:
    """Another resolution of the same picture, antialiased: (B, C, pixels, pixels)."""
    return (
        images
        if pixels == images.shape[3]
        else _torchvision().resize(images, [pixels, pixels], BILINEAR, antialias=True)
    )


def fisheye(images: Tensor, strength: float) -> Tensor:
    """Seen through a fish-eye lens: the pixel at q shows the picture at `fisheye_map(q)`. strength
    0 changes nothing.
    """
    H, W = images.shape[2:]
    y, x = torch.meshgrid(torch.linspace(-1, 1, H), torch.linspace(-1, 1, W), indexing="ij")
    return _sample(images, fisheye_map(torch.stack((x, y), 2), strength))


def fisheye_map(places: Tensor, strength: float) -> Tensor:
    """Where the light at image place q (..., 2) in [-1, 1] comes from: q scaled by (1 + s |q|^2) /
    (1 + s); the corners of the unit circle stay, the middle is magnified.
    """
    return places * (1 + strength * places.square().sum(-1, keepdim=True)) / (1 + strength)


def fisheye_unmap(places: Tensor, strength: float) -> Tensor:
    """Where the light from place p (..., 2) arrives: the q with `fisheye_map(q)` = p, along the
    same ray.
    """
    target = (1 + strength) * places.norm(dim=-1, keepdim=True)
    radius = target.clone()
    for _ in range(
        30
    ):  # Newton on r + s r^3 = target, convex and growing: from above it comes down to the root
        radius = radius - (radius + strength * radius**3 - target) / (1 + 3 * strength * radius**2)
    return places * (radius / places.norm(dim=-1, keepdim=True).clamp_min(1e-12))


def fisheye_undo(images: Tensor, strength: float) -> Tensor:
    """Straighten a fish-eye picture by resampling: the obvious remedy for networks that take grids
    only.
    """
    H, W = images.shape[2:]
    y, x = torch.meshgrid(torch.linspace(-1, 1, H), torch.linspace(-1, 1, W), indexing="ij")
    return _sample(images, fisheye_unmap(torch.stack((x, y), 2), strength))


def foveate(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One picture of mixed resolution: the middle quarter (by area) in single pixels, a ring of 2x2
    averages round it up to three quarters of the side, 4x4 averages outside.

    Returns values (B, C, P), places (P, 2) and areas in pixels (P,). Sides must be divisible by 32:
    only then do the three zones meet without gap or overlap.
    """
    B, C, H, W = images.shape
    if H % 32 or W % 32:
        raise ValueError(f"images of {H}x{W}: the sides must be divisible by 32 to be foveated")
    y, x = torch.meshgrid(torch.linspace(-1, 1, H), torch.linspace(-1, 1, W), indexing="ij")
    places = torch.stack((x, y))[None]  # (1, 2, H, W)
    row, column = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    reach = torch.maximum((row - (H - 1) / 2).abs() / H, (column - (W - 1) / 2).abs() / W)
    values, spots, areas = [], [], []
    for block, inner, outer in ((1, 0, 0.25), (2, 0.25, 0.375), (4, 0.375, 1)):
        ring = F.avg_pool2d(reach[None, None], block)[0, 0]
        keep = ((ring >= inner) & (ring < outer)).flatten()
        values.append(F.avg_pool2d(images.float(), block).flatten(2)[:, :, keep])
        spots.append(F.avg_pool2d(places, block).flatten(2)[0, :, keep].t())
        areas.append(torch.full((int(keep.sum()),), float(block**2)))
    return torch.cat(values, 2), torch.cat(spots), torch.cat(areas)


@cache
def _torchvision():
    """Imported when a picture is resampled: it brings torch's compiler along, which takes
    seconds.
    """
    from torchvision.transforms.v2 import functional

    return functional


def _scale(images: Tensor, factor: float) -> Tensor:
    """Sample the image at centre-based places scaled by `factor`, in pixel-area coordinates."""
    theta = torch.tensor([[factor, 0.0, 0.0], [0.0, factor, 0.0]]).expand(len(images), -1, -1)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    sampled = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return sampled.round_().clamp_(0, 255).to(images.dtype)


def _sample(images: Tensor, places: Tensor) -> Tensor:
    grid = places[None].expand(len(images), -1, -1, -1)
    return (
        F.grid_sample(images.float(), grid, align_corners=True)
        .round_()
        .clamp_(0, 255)
        .to(images.dtype)
    )
