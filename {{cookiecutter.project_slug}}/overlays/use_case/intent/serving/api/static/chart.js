// The chance of a purchase after each event, above a strip of the events.
import { element } from "./shared.js";
import { percent, svg } from "./words.js";

const HEIGHT = 260;
const [TOP, RIGHT, BOTTOM, LEFT] = [14, 14, 36, 46];
const FLOOR = HEIGHT - BOTTOM;
const MARKS = {
  view: (s) => `M0 0m${-s / 4} 0a${s / 4} ${s / 4} 0 1 0 ${s / 2} 0a${s / 4} ${s / 4} 0 1 0 ${-s / 2} 0`,
  detail: (s) => `M0 ${-s / 2}L${s / 2} 0L0 ${s / 2}L${-s / 2} 0z`,
  add: (s) => `M${-s / 2} 0h${s}M0 ${-s / 2}v${s}`,
  remove: (s) => `M${-s / 2} 0h${s}`,
  search: (s) => `M${-s / 2} ${-s / 6}a${s / 3} ${s / 3} 0 1 0 ${s / 1.5} 0a${s / 3} ${s / 3} 0 1 0 ${-s / 1.5} 0M${s / 10} ${s / 10}L${s / 2} ${s / 2}`,
};

/**
 * Draw a visit so far.
 *
 * `answers` has an answer or undefined for each event. `first` is the index of the first add,
 * `position` the number of events seen. `choose` is called with the number of events up to the
 * place where the chart was pressed. Returns the drawing and the x of the first and last event.
 */
export function chart(width, { events, answers, first, position, threshold, choose }) {
  const plot = width - LEFT - RIGHT;
  const step = plot / events.length;
  const x = (index) => LEFT + (index + 0.5) * step;
  const y = (share) => TOP + (1 - share) * (FLOOR - TOP);
  const known = runs(answers.slice(0, position));
  const at = (event) => {
    const inside = event.clientX - drawing.getBoundingClientRect().left - LEFT;
    choose(Math.min(Math.max(Math.ceil(inside / step), 1), events.length));
  };
  const drawing = svg("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img",
    "aria-label": summary(answers, position, threshold),
    onpointerdown: at, onpointermove: (event) => event.buttons === 1 && at(event),
  });
  drawing.append(
    ...grid(width, y),
    ...noCart(first, events.length, step, x),
    ...known.map((run) => svg("path", { class: "between", d: band(run, x, y, step) })),
    ...limit(width, threshold, y),
    ...known.map((run) => svg("polyline", { class: "chance", points: run.map(([index, { probability }]) => `${x(index)},${y(probability)}`).join(" ") })),
    ...known.flat().map(([index, answer]) => dot(index, answer, index === position - 1, x, y)),
    svg("line", { class: "now", x1: x(position - 1), x2: x(position - 1), y1: TOP, y2: FLOOR + 12 }),
    ...strip(events, position, Math.min(step * 0.8, 11), x),
    ...limitWord(width, threshold, y, position > 0.7 * events.length),
  );
  return { drawing, left: x(0), right: x(events.length - 1) };
}

/** The legend of the marks below the chart. */
export function legend() {
  const names = { view: "page", detail: "product", add: "into the cart", remove: "out of the cart", search: "search" };
  const marks = Object.entries(names).map(([action, name]) =>
    element("span", {}, svg("svg", { viewBox: "-8 -8 16 16" }, svg("path", { class: `mark is-${action}`, d: MARKS[action](11) })), name));
  return element("p", { class: "legend muted small", "aria-hidden": "true" }, ...marks);
}

/** Runs of consecutive answers, as [index, answer]. */
function runs(answers) {
  const result = [];
  answers.forEach((answer, index) => {
    if (!answer) return;
    if (index && answers[index - 1]) result.at(-1).push([index, answer]);
    else result.push([[index, answer]]);
  });
  return result;
}

function band(run, x, y, step) {
  // Give a single answer a width, too.
  const side = run.length > 1 ? 0 : Math.min(step / 2, 5);
  const upper = run.map(([index, { high }], place) => `${x(index) + (place ? side : -side)} ${y(high)}`);
  const lower = run.map(([index, { low }], place) => `${x(index) + (place ? side : -side)} ${y(low)}`);
  if (side) {
    const [[index, { low, high }]] = run;
    upper.push(`${x(index) + side} ${y(high)}`);
    lower.push(`${x(index) + side} ${y(low)}`);
  }
  return `M${[...upper, ...lower.reverse()].join("L")}z`;
}

function grid(width, y) {
  return [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    svg("line", { class: "rule", x1: LEFT, x2: width - RIGHT, y1: y(share), y2: y(share) }),
    svg("text", { class: "tick", x: LEFT - 8, y: y(share) + 4, "text-anchor": "end" }, percent(share)),
  ]);
}

function noCart(first, size, step, x) {
  const events = first < 0 ? size : first;
  if (!events) return [];
  const wide = events * step;
  const label = svg("text", { class: "tick", x: LEFT + wide / 2, y: TOP + 18, "text-anchor": "middle" }, "no cart yet");
  return [svg("rect", { class: "before", x: LEFT, width: wide, y: TOP, height: FLOOR - TOP }), ...(wide > 84 ? [label] : [])];
}

function limit(width, threshold, y) {
  if (threshold === undefined) return [];
  return [svg("line", { class: "limit", x1: LEFT, x2: width - RIGHT, y1: y(threshold), y2: y(threshold) })];
}

/** The limit's label, at the end of the chart that the line leaves free. */
function limitWord(width, threshold, y, left) {
  if (threshold === undefined) return [];
  const place = left ? { x: LEFT + 4 } : { x: width - RIGHT - 4, "text-anchor": "end" };
  return [svg("text", { class: "limit-word", ...place, y: y(threshold) - 6 }, `approach from ${percent(threshold)}`)];
}

function dot(index, { probability, decision }, now, x, y) {
  const look = `dot ${decision}${now ? " now" : ""}`;
  return svg("circle", { class: look, cx: x(index), cy: y(probability), r: now ? 6.5 : 3 });
}

function strip(events, position, size, x) {
  return events.map(({ action }, index) => {
    const seen = index < position;
    const place = `translate(${x(index)} ${FLOOR + 22})`;
    if (!seen) return svg("circle", { class: "ahead", cx: x(index), cy: FLOOR + 22, r: 1.5 });
    return svg("path", { class: `mark is-${action}`, transform: place, d: MARKS[action](size) });
  });
}

function summary(answers, position, threshold) {
  const seen = answers.slice(0, position).filter(Boolean);
  if (!seen.length) return "The chance of a purchase; no answer yet";
  const shares = seen.map(({ probability }) => probability);
  return `The chance of a purchase over ${seen.length} events: now ${percent(shares.at(-1))}, ` +
    `between ${percent(Math.min(...shares))} and ${percent(Math.max(...shares))} so far; approach from ${percent(threshold)}`;
}
