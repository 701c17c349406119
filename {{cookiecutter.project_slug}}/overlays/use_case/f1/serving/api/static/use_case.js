// Formula 1: choose a race, reorder its grid, see the predicted finish.
import { element, predict, trouble } from "./shared.js";

export const title = "Who finishes where?";
export const subtitle = "The predicted finish of a race, and what another grid would change.";
export const baseline = "Baseline: every driver finishes where they start; for chances and ranges, what start places led to before.";
export const metrics = {
  mae: { name: "Mean error, places", lower: true },
  spearman: { name: "Rank correlation in a race" },
  podium: { name: "Podiums predicted correctly, share" },
  winner: { name: "Winners predicted correctly, share" },
  win_log_loss: { name: "Log loss of the chances to win", lower: true },
  podium_brier: { name: "Brier score of the chances of a podium", lower: true },
  band_coverage: { name: "Cars that ended in their range, share", aim: "0.8" },
  band_width: { name: "Places in a range", lower: true },
};

const WAIT = 250; // ms after the last move before the request is sent
// Names of features for people. Features with the same name are shown as one.
const TOPICS = [
  [/^grid/, "start place"],
  [/^(qualifying|gap)/, "qualifying"],
  [/^driver_(finish|classified)/, "the driver's recent finishes"],
  [/^driver_(grid|gap)/, "the driver's recent qualifying"],
  [/^driver_mate/, "the driver against the team-mates"],
  [/^driver_(points|standing|total)/, "the driver's points"],
  [/^driver_(starts|wins|podiums)|^age/, "the driver's experience"],
  [/^driver_retired/, "the driver's retirements"],
  [/^driver_here/, "the driver on this circuit"],
  [/^team_(finish|classified)/, "the team's recent finishes"],
  [/^team_(grid|gap)/, "the team's recent qualifying"],
  [/^team_(points|standing|total)/, "the team's points"],
  [/^team_retired/, "the team's retirements"],
  [/^team_here/, "the team on this circuit"],
  [/^circuit/, "the circuit"],
];
const topic = ({ feature, description }) => TOPICS.find(([names]) => names.test(feature))?.[1] ?? description;
const sentence = (text) => text[0].toUpperCase() + text.slice(1);
const percent = (share) => (share < 0.005 ? "< 1 %" : `${Math.round(share * 100)} %`);
const place = (grid) => (grid ? `P${grid}` : "pit lane");

let names; // of drivers, constructors and circuits, by id
let inputs; // each feature's entry in the signature
let races;
let race; // the request without its grid
let slots; // the start places from the front; 0 = pit lane
let original; // the cars in their known order
let cars; // the cars in the order on the page
let pending; // aborts the request before
let parts; // elements that change

/** Fill this use case's part of the page. */
export function start(root, data) {
  const byId = (list) => new Map(list.map(({ id, name }) => [id, name]));
  names = { driver: byId(data.page.drivers), constructor: byId(data.page.constructors), circuit: byId(data.page.circuits) };
  inputs = data.inputs;
  races = [...data.page.races].reverse();
  parts = {
    race: element("select", { id: "race", onchange: choose }, ...raceOptions()),
    circuit: element("select", { id: "circuit", onchange: moveRace }, ...data.page.circuits.map(({ id, name }) => element("option", { value: id }, name))),
    keep: element("input", { type: "checkbox", id: "keep", checked: true, onchange: update }),
    keepLabel: element("label", { class: "tick" }),
    reset: element("button", { type: "button", id: "reset", onclick: choose }, "Undo all moves"),
    grid: element("ol", { id: "grid", class: "cars" }),
    said: element("p", { class: "unseen", "aria-live": "polite" }),
    result: element("ol", { id: "result", class: "cars", "aria-live": "off" }),
    warnings: element("div", { id: "warnings" }),
    podium: element("a", { id: "podium", class: "jump", href: "#finish" }),
  };
  parts.keepLabel.append(parts.keep, "Moved cars keep their qualifying result, as after a penalty");
  root.append(
    element("section", { class: "choice", "aria-label": "Race" }, element("label", {}, "Race", parts.race)),
    element("div", { class: "sides" },
      element("section", { id: "finish", "aria-labelledby": "finish-title" },
        element("div", { class: "head" }, element("h2", { id: "finish-title" }, "Predicted finish"),
          element("a", { class: "jump", href: "#start" }, "Change grid")),
        parts.warnings, parts.result, legend()),
      element("section", { id: "start", "aria-labelledby": "grid-title" },
        element("div", { class: "head" }, element("h2", { id: "grid-title" }, "Starting grid"), parts.reset),
        element("label", {}, "Circuit", parts.circuit),
        element("p", { class: "muted small" }, "Drag a car by its handle, use its arrows, or the arrow keys on the handle."),
        parts.grid, parts.keepLabel, parts.said, parts.podium)),
  );
  choose();
}

function raceOptions() {
  return races.map(({ name, note, request }, index) =>
    element("option", { value: index }, `${note ? "Next: " : ""}${name} · ${request.season}, round ${request.round}`));
}

function legend() {
  return element("p", { class: "muted small" },
    "The bar spans the places in which 8 of 10 cars predicted there have ended in races that the evaluation model never saw; the dot is the prediction. The chances to win and to reach the podium are fitted on the same races. Open a car to see what moved it most.");
}

function choose() {
  const { grid, ...rest } = races[Number(parts.race.value)].request;
  race = rest;
  parts.circuit.value = race.circuit;
  const behind = (car) => car.grid || Infinity;
  original = grid
    .map(({ driver, constructor, grid: start, ...shown }) => ({ driver, constructor, grid: start, shown }))
    .sort((one, other) => behind(one) - behind(other));
  slots = original.map((car) => car.grid);
  cars = [...original];
  parts.keepLabel.hidden = !original.some(({ shown }) => "qualifying_position" in shown || "gap_to_pole" in shown);
  drawGrid();
  update();
}

function moveRace() {
  race = { ...race, circuit: parts.circuit.value };
  update();
}

function drawGrid() {
  const rows = cars.map((car, index) => {
    const name = names.driver.get(car.driver) ?? car.driver;
    const step = (by, sign, where) =>
      element("button", {
        type: "button", class: "step", "aria-label": `Move ${name} ${where}`,
        disabled: !cars[index + by], onclick: () => move(index, index + by, where), "data-is": where,
      }, sign);
    const handle = element("button", {
      type: "button", class: "handle", "aria-label": `${name}, start ${place(slots[index])}: arrow keys move`,
      "data-is": "handle", onpointerdown: drag, onkeydown: (event) => press(event, index),
    }, "⠿");
    return element("li", { "data-driver": car.driver, class: car.grid === slots[index] ? "" : "moved" },
      element("span", { class: "place" }, place(slots[index])),
      handle,
      element("span", { class: "who" }, element("b", {}, name), element("small", {}, names.constructor.get(car.constructor) ?? car.constructor)),
      step(-1, "▲", "forward"), step(1, "▼", "back"));
  });
  parts.grid.replaceChildren(...rows);
  parts.reset.disabled = cars.every((car, index) => car === original[index]);
}

function press(event, index) {
  const to = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: cars.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  move(index, to, "handle");
}

/** Move a car; the focus stays on the button, or goes to the handle if the button is disabled now. */
function move(from, to, button) {
  if (to < 0 || to >= cars.length || from === to) return;
  const [car] = cars.splice(from, 1);
  cars.splice(to, 0, car);
  drawGrid();
  const row = parts.grid.children[to];
  (row.querySelector(`[data-is="${button}"]:enabled`) ?? row.querySelector(".handle")).focus();
  parts.said.textContent = `${names.driver.get(car.driver) ?? car.driver} starts from ${place(slots[to])}`;
  update();
}

function drag(event) {
  if (event.button) return;
  event.preventDefault();
  const handle = event.currentTarget;
  const row = handle.closest("li");
  const from = [...parts.grid.children].indexOf(row);
  handle.setPointerCapture(event.pointerId);
  row.classList.add("dragged");
  handle.onpointermove = ({ clientY }) => {
    if (clientY < 60) scrollBy(0, -12);
    if (clientY > innerHeight - 90) scrollBy(0, 12);
    const others = [...parts.grid.children].filter((each) => each !== row);
    const below = others.find((each) => {
      const box = each.getBoundingClientRect();
      return clientY < box.top + box.height / 2;
    });
    if (row.nextElementSibling === (below ?? null)) return;
    parts.grid.insertBefore(row, below ?? null);
    [...parts.grid.children].forEach((each, index) => { each.querySelector(".place").textContent = place(slots[index]); });
  };
  handle.onpointerup = handle.onpointercancel = ({ type }) => {
    handle.onpointermove = handle.onpointerup = handle.onpointercancel = null;
    const to = [...parts.grid.children].indexOf(row);
    if (type === "pointerup" && to !== from) move(from, to, "handle");
    else drawGrid();
  };
}

function request() {
  const changed = cars.some((car, index) => car.grid !== slots[index]);
  const keeps = !changed || parts.keep.checked;
  const grid = cars.map(({ driver, constructor, shown }, index) => ({ driver, constructor, grid: slots[index], ...(keeps && shown) }));
  return { ...race, grid, explain: true };
}

async function update() {
  pending?.abort();
  const { signal } = (pending = new AbortController());
  parts.result.setAttribute("aria-busy", "true");
  try {
    await new Promise((resolve) => setTimeout(resolve, WAIT));
    if (signal.aborted) return;
    const answer = await predict(request(), signal);
    trouble("");
    drawResult(answer);
  } catch (error) {
    if (signal.aborted) return;
    trouble(error.message);
  }
  parts.result.removeAttribute("aria-busy");
}

function drawResult({ predictions, warnings }) {
  const size = predictions.length;
  const across = (finish) => `${size > 1 ? ((finish - 1) / (size - 1)) * 100 : 50}%`;
  const open = new Set([...parts.result.querySelectorAll("details[open]")].map((each) => each.dataset.driver));
  const starts = new Map([...predictions].sort((a, b) => (a.grid || 99) - (b.grid || 99)).map((each, index) => [each.driver, index + 1]));
  const rows = predictions.map((each) => {
    const name = names.driver.get(each.driver) ?? each.driver;
    const team = names.constructor.get(each.constructor) ?? each.constructor;
    const gained = starts.get(each.driver) - each.position;
    const change = gained ? `${gained > 0 ? "▲" : "▼"} ${Math.abs(gained)}` : "";
    const band = element("span", { class: "band", role: "img", "aria-label": `probably between ${each.low} and ${each.high}` },
      element("span", { class: "range" }), element("span", { class: "dot" }));
    band.children[0].style.left = across(each.low);
    band.children[0].style.right = `calc(100% - ${across(each.high)})`;
    band.children[1].style.left = across(each.position);
    return element("li", {},
      element("details", { "data-driver": each.driver, open: open.has(each.driver) || (!parts.result.children.length && each.position === 1 && matchMedia("(min-width: 821px)").matches) },
        element("summary", {},
          element("span", { class: "place" }, String(each.position)),
          element("span", { class: "who" }, element("b", {}, name),
            element("small", {}, `${team} · `, element("span", { class: "wide" }, "from "), `${place(each.grid)} `, element("span", { class: `gain ${gained > 0 ? "good" : "bad"}` }, change))),
          element("span", { class: "sure" }, band, element("small", {}, `${each.low} to ${each.high}`)),
          element("span", { class: "chances" }, chance(each.win, "win"), chance(each.podium, "podium"))),
        why(each)));
  });
  parts.result.replaceChildren(...rows);
  parts.warnings.replaceChildren(...warnings.map((text) => element("p", { class: "note" }, sentence(text))));
  const last = predictions.slice(0, 3).map(({ driver }) => (names.driver.get(driver) ?? driver).replace(/^\S+\s/, ""));
  parts.podium.replaceChildren(element("small", {}, "Predicted podium"), ...last.map((name, index) => element("span", {}, `${index + 1} ${name} `)));
}

function chance(share, of) {
  return element("span", { class: "share" }, element("b", {}, percent(share)), " ", element("small", {}, of));
}

function why({ reasons }) {
  const topics = Map.groupBy(reasons ?? [], topic);
  const rows = [...topics].map(([name, members]) => {
    const [{ places }] = members; // the strongest
    const shown = members.find(({ feature }) => !/_(log|in_race)$/.test(feature)) ?? members[0];
    return element("li", {},
      element("span", { class: places < 0 ? "good" : "bad" }, `${places < 0 ? "▲" : "▼"} ${Math.abs(places).toFixed(1)}`),
      element("span", {}, sentence(name),
        element("small", {}, `${shown.description}: ${shown.value} (${inputs[shown.feature]?.unit ?? ""})`)));
  });
  const heading = rows.length
    ? "Places gained (▲) or lost (▼), compared with an average car on this grid:"
    : "Nothing distinguishes this car from the average on this grid.";
  return element("div", { class: "why" },
    element("p", {}, heading), element("ul", {}, ...rows));
}
