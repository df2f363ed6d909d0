"""Where CoordConv's search for a lit pixel looks before it has learnt anything, and what becomes of it."""

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from spatialbias.figures.style import INK, blank, canvas, colour, split_name
from spatialbias.trials import Trial, examples, initialised

REACH = 2  # pixels: two kernels of 3 see the lit pixel from so far
FOUND = 0.5  # pixels of error


@torch.no_grad()
def share_in_view(trial: Trial) -> float:
    """Share of the pictures trained on in which, at the start, the maximum over the map is taken where the lit pixel is in view; of
    the two coordinates the larger share."""
    from spatialbias import datasets

    pictures = examples(trial, datasets.load(trial.dataset, **trial.dataset_args))[0].inputs[0]  # (N, 1, H, W)
    maps = initialised(trial).layers(pictures)  # (N, 2, H', W')
    margin = (pictures.shape[-1] - maps.shape[-1]) // 2  # without padding the map is smaller
    (rows, columns), (lit_rows, lit_columns) = _places(maps), _places(pictures)  # (N, 2) and (N, 1)
    near = ((rows + margin - lit_rows).abs() <= REACH) & ((columns + margin - lit_columns).abs() <= REACH)
    return float(near.double().mean(0).max())


def _places(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Row and column of each map's maximum: (N, C, H, W) -> twice (N, C)."""
    most, width = maps.flatten(2).argmax(2), maps.shape[-1]
    return most // width, most % width


def starts(results, arm: str = "coordconv") -> pd.DataFrame:
    """One row a run on record: split, replicate, share in view at the start, and error on held-out positions at the end, in pixels."""
    frame = results.frame()
    frame = frame[(frame["measure"] == "score") & (frame["part"] == "test") & (frame["arm"] == arm) & (frame["at"] == "stop")]
    errors, rows = frame.set_index(["split", "replicate"])["value"], []
    for name, trial, _ in results.present:
        if name == arm:
            run = {"split": trial.dataset_args["split"], "replicate": trial.replicate}
            rows.append({**run, "share": share_in_view(trial), "error": float(errors[tuple(run.values())])})
    return pd.DataFrame(rows, columns=["split", "replicate", "share", "error"])


def outcomes(frame: pd.DataFrame, least: float = 0.1) -> dict[str, str]:
    """How many runs find the pixel (error below half a pixel), of those that had it in view at the start and of the others."""
    seen, found = frame["share"] >= least, frame["error"] < FOUND
    return {name: f"{int(found[rows].sum())} of {int(rows.sum())}" for name, rows in (("in_view", seen), ("out_of_view", ~seen))}


def figure(frame: pd.DataFrame) -> Figure:
    """Error at the end over the share in view at the start, every run a mark."""
    if frame.empty:
        return blank()
    drawing, (ax,) = canvas(1, width=5.2, height=2.8)
    for mark, (split, rows) in zip("o^sD", frame.groupby("split", sort=False)):
        ax.plot(100 * rows["share"], np.maximum(rows["error"], 1e-3), linestyle="", marker=mark, color=colour("coordconv"), alpha=0.8,
                markerfacecolor="none" if mark == "o" else None, clip_on=False, label=split_name(split))
    ax.axhline(FOUND, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
    ax.set(yscale="log", xlabel="pictures with the lit pixel in view of the maximum, at the start (%)", ylabel="error at the end (pixels)")
    ax.legend(fontsize=8.5)
    return drawing
