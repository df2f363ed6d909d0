"""The live explorer: sliders that turn, crop and move a picture, and each network's class
probabilities beside it.
"""

from __future__ import annotations

import base64
import io
from html import escape

import ipywidgets as widgets
import torch
from PIL import Image

from spatialbias.explorer.networks import Network, pictures
from spatialbias.explorer.still import picture
from spatialbias.explorer.view import View, known
from spatialbias.figures import style

WIDE = {"description_width": "7.5em"}
STYLE = """
.spatialbias-explorer { line-height: 1.35; white-space: normal; }
.spatialbias-explorer > div { display: flex; flex-wrap: wrap; gap: 0.6em 1.4em; align-items: flex-start; }
.spatialbias-explorer figure { margin: 0 0 0.5em; }
.spatialbias-explorer img { display: block; width: 8.5em; height: 8.5em; image-rendering: pixelated; }
.spatialbias-explorer section { flex: 1 1 14em; max-width: 20em; }
.spatialbias-explorer h4 { margin: 0; font-size: 1em; border-bottom: 3px solid var(--ink); }
.spatialbias-explorer p { margin: 0.2em 0; }
.spatialbias-explorer table { border-collapse: collapse; width: 100%; }
.spatialbias-explorer th { padding: 0 0.5em 0 0; text-align: left; font-weight: 400; white-space: nowrap; }
.spatialbias-explorer .true { font-weight: 650; }
.spatialbias-explorer .true th { font-weight: 650; }
.spatialbias-explorer td { padding: 0; width: 60%; }
.spatialbias-explorer td + td { padding-left: 0.5em; width: auto; text-align: right; white-space: nowrap; }
.spatialbias-explorer td div { position: relative; height: 0.8em; }
.spatialbias-explorer td div { background: color-mix(in srgb, currentColor 12%, transparent); }
.spatialbias-explorer td b { position: absolute; height: 100%; background: var(--ink); opacity: 0.5; }
.spatialbias-explorer .true b { opacity: 1; }
.spatialbias-explorer td i { position: absolute; height: 100%; border-left: 2px solid currentColor; }
"""
LEGEND = (
    "<p>Bars: the probability of each class; ◂ marks the true one. Upright strokes: the same for the picture as "
    "taken.</p>"
)


class Explorer(widgets.VBox):
    """A picture under the reader's hands.

    Its parts, to be set from code too: `image`, `degrees`, `crop`, `right`, `down` (all with
    `.value`) and `reset`. `probabilities` holds the last answer of each network, `view` is the HTML
    that shows them.
    """

    def __init__(self, shift: str, networks: dict[str, Network]) -> None:
        known(shift)
        self.shift, self.networks = shift, networks
        self.images, self.target, self.classes = pictures(networks)
        side = self.images.shape[3]
        self.image = widgets.Dropdown(
            options=self._names(), value=0, description="picture", style=WIDE
        )
        self.degrees = _slider("turn, degrees", -180, 180, 0)
        self.crop = _slider("crop to, pixels", side // 2, side, side)
        self.right = _slider("move right", -(side // 2), side // 2, 0)
        self.down = _slider("move down", -(side // 2), side // 2, 0)
        self.reset = widgets.Button(description="as taken", tooltip="undo every shift")
        self.view = widgets.HTML()
        self.probabilities: dict[str, torch.Tensor] = {}
        first = {"rotation": self.degrees, "resized_crop": self.crop, "translation": self.right}[
            shift
        ]
        self._sliders = sorted(
            (self.degrees, self.crop, self.right, self.down), key=lambda slider: slider is not first
        )
        for control in (self.image, *self._sliders):
            control.observe(self._changed, "value")
        self.reset.on_click(self._reset)
        controls = widgets.Box(
            (self.image, *self._sliders, self.reset), layout=widgets.Layout(flex_flow="row wrap")
        )
        super().__init__((controls, self.view))
        self._show()

    def _names(self) -> list[tuple[str, int]]:
        seen = [int(k) for k in self.target]
        named = [(f"{self.classes[k]} {seen[:i].count(k) + 1}", i) for i, k in enumerate(seen)]
        return sorted(named, key=lambda option: seen[option[1]])

    def _changed(self, change) -> None:
        if self._sliders:  # none while they are being reset together
            self._show()

    def _reset(self, button) -> None:
        sliders, self._sliders = self._sliders, []
        for slider in sliders:
            slider.value = self.crop.max if slider is self.crop else 0
        self._sliders = sliders
        self._show()

    def _show(self) -> None:
        taken = self.images[self.image.value][None]
        seen = View(self.degrees.value, self.crop.value, self.right.value, self.down.value)(taken)
        both = {
            name: network.probabilities(torch.cat((seen, taken)))
            for name, network in self.networks.items()
        }
        self.probabilities = {name: p[0] for name, p in both.items()}
        true = int(self.target[self.image.value])
        what = self.classes[true]
        panels = [
            _panel(name, place, p, true, self.classes, self.networks[name].trained_on)
            for place, (name, p) in enumerate(both.items())
        ]
        self.view.value = (
            f'<div class="spatialbias-explorer"><style>{STYLE}</style><div><div>{_image(taken[0], what, "as taken")}'
            f"{_image(seen[0], what, 'as the networks see it')}</div>{''.join(panels)}</div>{LEGEND}</div>"
        )

    def _repr_mimebundle_(self, **kwargs):
        """The widget, and for programs without widgets the picture."""
        bundle = super()._repr_mimebundle_(**kwargs)
        svg = io.StringIO()
        picture(self.shift, self.networks, self.image.value).savefig(
            svg, format="svg", metadata={"Date": None}
        )
        return {**bundle, "image/svg+xml": svg.getvalue()}


def message(text: str) -> widgets.HTML:
    """A plain sentence in the place of the explorer."""
    return widgets.HTML(f'<p style="line-height: 1.35; white-space: normal">{escape(text)}</p>')


def _slider(description: str, low: int, high: int, value: int) -> widgets.IntSlider:
    return widgets.IntSlider(value, low, high, description=description, style=WIDE)


def _image(image: torch.Tensor, what: str, caption: str) -> str:
    png = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).squeeze(2).contiguous().numpy()).save(png, "png")
    source = base64.b64encode(png.getvalue()).decode()
    return (
        f'<figure><img src="data:image/png;base64,{source}" alt="{escape(what)}, {escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _panel(
    name: str, place: int, p: torch.Tensor, true: int, classes: tuple[str, ...], trained_on: str
) -> str:
    """One network: p (2, classes), of the shifted picture and of the picture as taken."""
    top = int(p[0].argmax())
    rows = "".join(
        _row(label, now, then, k == true)
        for k, (label, now, then) in enumerate(zip(classes, *p.tolist()))
    )
    answer = f"{escape(classes[top])}, {'right' if top == true else 'wrong'}"
    trained = f"trained on {escape(trained_on)}" if trained_on else ""
    return (
        f'<section style="--ink: {style.colour(name, place)}"><h4>{escape(style.label(name))}</h4>'
        f"<p>{answer}<br>{trained}</p><table>{rows}</table></section>"
    )


def _row(label: str, now: float, then: float, true: bool) -> str:
    return (
        f'<tr{" class=true" if true else ""}><th scope="row">{escape(label)}{" ◂" if true else ""}</th><td>'
        f'<div><b style="width: {100 * now:.1f}%"></b><i style="left: {100 * then:.1f}%"></i></div></td>'
        f"<td>{100 * now:.0f}&nbsp;%</td></tr>"
    )
