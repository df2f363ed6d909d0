"""What the widgets share: the text of their front ends, and the two hosts that run it, a kernel and
a page.
"""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import anywidget
import numpy as np
import torch
import traitlets
from torch import Tensor

HERE = Path(__file__).parent
CSS = (HERE / "explorer.css").read_text(encoding="utf-8")


def script(*kinds: str) -> str:
    """The front ends as statements of a classic script, which `file://` allows."""
    return "\n".join((HERE / f"{name}.js").read_text("utf-8") for name in ("common", *kinds))


def module(kind: str) -> str:
    return f"{script(kind)}\nexport default {{ render }};\n"


def packed(values: Tensor) -> str:
    """A tensor's bytes, as text that scripts can hold."""
    content = np.ascontiguousarray(values.numpy()).tobytes()
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


class Widget(anywidget.AnyWidget):
    """What the reader moves. `state` holds the controls' values, and setting it moves them;
    subclasses say how they look (`_esm`) and answer (`answers`).
    """

    css = traitlets.Unicode(CSS).tag(sync=True)
    data = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, content: dict, state: dict) -> None:
        super().__init__(data=content, state=state)
        self.on_msg(self._asked)

    def answers(self, inputs: bytearray, message: dict) -> list[Tensor]:
        """One float32 tensor for each of `message["names"]`, on `message["n"]` inputs as bytes."""
        raise NotImplementedError

    def _asked(self, widget, message: dict, buffers: list) -> None:
        try:
            found = self.answers(bytearray(buffers[0]), message)
        except Exception as error:  # whatever a reader's network raises
            self.send({"id": message.get("id"), "error": str(error)})
            return
        answer = torch.stack(found).contiguous().numpy()
        self.send({"id": message["id"]}, [answer.tobytes()])

    def _repr_mimebundle_(self, **kwargs):
        """The widget, and for programs without widgets the page."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "text/html": Page(self.data, self.state)._repr_html_()}, metadata


class Page:
    """A widget where there is no kernel: it needs scripts, and nothing else.

    shared: the data, script and networks lie beside the page (see `spatialbias.explorer.site`); else
    the page carries what it needs, and answers are looked up.
    """

    def __init__(self, content: dict, state: dict, shared: bool = False) -> None:
        self.content, self.state, self.shared = content, state, shared

    def _repr_html_(self) -> str:
        state, kind = literal(self.state), self.content["kind"]
        begin = "const el = document.currentScript.previousElementSibling;"
        if self.shared:
            text = f"{begin} globalThis.spatialbiasSite?.(el, {literal(kind)}, {state})"
        else:
            given = (
                f"({{ data: {literal(self.content)}, css: {literal(CSS)}, state: {state} }})[name]"
            )
            text = (
                f"{begin}\n{script(kind)}\nrender({{ el, model: {{ get: (name) => {given} }} }});"
            )
        place = " data-shared" if self.shared else ""
        return (
            f'<div class="spatialbias-explorer"{place}>This can be explored. It needs scripts: open the book in a '
            f"browser, or run this cell.</div><script>{{ {text} }}</script>"
        )


def literal(value) -> str:
    """A value as JavaScript that can stand in HTML."""
    return json.dumps(value).replace("<", "\\u003c")
