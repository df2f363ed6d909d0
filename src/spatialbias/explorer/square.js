// Not-so-Clevr: drag a square, and see how two kinds of network draw it and where they say that it lies.

widgets.square = async (model, el) => {
  const data = model.get("data"), S = data.canvas, half = data.square >> 1, low = half, high = S - 1 - half;
  const grid = { places: data.grid.places, answers: Object.fromEntries(await Promise.all(
    Object.entries(data.grid.answers).map(async ([name, text]) => [name, new Uint8Array(await unpack(text))]))) };
  const rest = model.get("state"), state = { ...rest }, wrap = shell(model, el, "Drag a square and see networks draw it and name its place");
  const owners = [...new Set(data.networks.map((network) => network.owner))];
  const held = (x, y) => x >= data.held_out[0] && y >= data.held_out[1];
  const answers = {};
  let latest = null, shown = 0;

  // --- the parts

  const bound = (value) => Math.max(low, Math.min(high, Math.round(value)));
  const to = (x, y) => { Object.assign(state, { x: bound(x), y: bound(y) }); update(); };
  const sliders = { x: range("square-x", "column", low, high, 1, String, (x) => to(x, state.y)),
    y: range("square-y", "row", low, high, 1, String, (y) => to(state.x, y)) };
  const panel = (title, colour) => {
    const canvas = make("canvas", { width: 8 * S, height: 8 * S, role: "img", "aria-label": title }), said = make("figcaption");
    return { canvas, said, colour, figure: make("figure", {}, make("div", { class: "title", style: `--ink:${colour}` }, title), canvas, said) };
  };
  const given = panel("You drag the square", "currentColor"), panels = owners.map((owner) => panel(owner, data.networks.find((network) => network.owner === owner).colour));
  given.canvas.classList.add("seen");
  given.said.textContent = "Shaded: where no centre lay in training.";
  const note = make("p", { class: "note" }, "Loading the networks…"), status = make("p", { role: "status", class: "hidden" });
  wrap.append(make("div", { class: "squares" }, ...[given, ...panels].map(({ figure }) => figure)),
    make("div", { class: "controls" }, sliders.x.row, sliders.y.row), note, status);
  dragged(given.canvas, (x, y) => to(x * S - 0.5, y * S - 0.5));

  // --- showing

  function drawn(panel, brightness, marks) {
    // Pixels in [0, 1]; around them the true square, and where its centre is said to lie.
    const context = panel.canvas.getContext("2d"), pixels = make("canvas", { width: S, height: S });
    paint(pixels, Uint8Array.from(brightness, (value) => 255 * value), [1, S, S]);
    context.imageSmoothingEnabled = false;
    context.drawImage(pixels, 0, 0, 8 * S, 8 * S);
    if (panel === given) {
      context.fillStyle = "rgba(128, 128, 128, 0.35)";
      context.fillRect(8 * data.held_out[0], 8 * data.held_out[1], 8 * S, 8 * S);
    }
    context.lineWidth = 2;
    for (const { x, y, side, colour } of marks) {
      context.strokeStyle = colour;
      context.strokeRect(8 * (x - (side >> 1)), 8 * (y - (side >> 1)), 8 * side, 8 * side);
    }
  }

  function show() {
    const { x, y } = state, inside = (k) => Math.abs((k % S) - x) <= half && Math.abs(Math.floor(k / S) - y) <= half;
    const square = Float32Array.from({ length: S * S }, (_, k) => +inside(k));
    drawn(given, square, []);
    given.canvas.setAttribute("aria-label", `a square with its centre in column ${x} and row ${y}`);
    if (!latest) return;
    const said = owners.map((owner, k) => {
      const of = (does) => latest[data.networks.find((network) => network.owner === owner && network.does === does).name];
      const picture = of("draws"), top = winner(of("names")), [cx, cy] = [top % S, Math.floor(top / S)];
      let both = 0, either = 0;
      picture.forEach((value, j) => { both += value > 0.5 && inside(j); either += value > 0.5 || inside(j); });
      drawn(panels[k], picture, [{ x, y, side: data.square, colour: "#9a9a9a" }, { x: cx, y: cy, side: 1, colour: panels[k].colour }]);
      const far = Math.hypot(cx - x, cy - y), place = far ? `${far.toFixed(1)} pixels off` : "right";
      panels[k].said.textContent = `Draws it with an overlap of ${percent(both / either)}; names column ${cx}, row ${cy}: ${place}.`;
      panels[k].canvas.setAttribute("aria-label", `what ${owner} draws. ${panels[k].said.textContent}`);
      return `${owner}: ${panels[k].said.textContent}`;
    });
    status.textContent = said.join(" ");
    wrap.dataset.shown = ++shown;
  }

  const answer = latestOnly(async () => {
    const names = data.networks.map((network) => network.name), { x, y } = state;
    if (answers.ask) latest = await answers.ask(Float32Array.of(x, y), 1, names);
    else {
      const index = (value) => grid.places.indexOf(value), at = index(x) * grid.places.length + index(y);
      latest = Object.fromEntries(names.map((name) => [name, Float32Array.from(part(grid.answers[name], at, S * S), (value) => value / 255)]));
    }
    show();
  });

  let later = 0;
  async function update() {
    if (!answers.ask) for (const axis of ["x", "y"])
      state[axis] = grid.places.reduce((best, one) => (Math.abs(one - state[axis]) < Math.abs(best - state[axis]) ? one : best));
    for (const [axis, slider] of Object.entries(sliders)) slider.set(state[axis]);
    show();
    clearTimeout(later);
    later = setTimeout(() => model.send ? (model.set("state", { ...state }), model.save_changes()) : place.write(state.x === rest.x && state.y === rest.y ? {} : { square: `${state.x},${state.y}` }), 150);
    try {
      await answer();
    } catch (error) {
      note.textContent = `No answer: ${error.message}`;
    }
  }

  const place = address(model, el, ["square"], (found) => to(...found.square.split(",")));
  const start = place.read().square?.split(",").map(Number);
  if (start?.every(Number.isFinite)) Object.assign(state, { x: bound(start[0]), y: bound(start[1]) });
  show();
  Object.assign(answers, await answering(model, data, Float32Array.of(state.x, state.y), "the square in steps"));
  note.textContent = answers.note;
  wrap.dataset.host = answers.ask ? (model.send ? "kernel" : "page") : "grid";
  if (!answers.ask) for (const { input } of Object.values(sliders)) Object.assign(input, { min: grid.places[0], max: grid.places.at(-1), step: grid.places[1] - grid.places[0] });
  place.listen();
  if (model.send) model.on("change:state", () => (model.get("state").x !== state.x || model.get("state").y !== state.y) && to(model.get("state").x, model.get("state").y));
  await update();
};
