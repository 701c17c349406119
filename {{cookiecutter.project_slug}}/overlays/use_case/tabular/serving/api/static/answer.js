// An answer as a number with its interval or as bars, and its reasons.
import { element } from "./shared.js";

export const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);
export const number = (value) => Number(value.toPrecision(5)).toLocaleString("en");
const signed = (text, value) => (value < 0 ? `−${text}` : `+${text}`);

/** The elements that show a prediction. */
export function answerPanel(page, prediction) {
  if (page.kind === "regression") return interval(page, prediction);
  if (page.kind === "multiclass") {
    const chances = Object.entries(prediction.probabilities).sort(([, one], [, other]) => other - one);
    return [element("p", { class: "big" }, prediction.prediction), element("div", { class: "bars" }, ...chances.map(([name, share]) => bar(name, share)))];
  }
  const { probability, threshold } = prediction;
  const limit = `${page.classes[1]} is predicted from ${percent(threshold)} on, by the costs under [decision] in the configuration`;
  return [
    element("p", { class: "big" }, prediction.prediction),
    element("div", { class: "bars" }, bar(page.classes[1], probability, threshold), bar(page.classes[0], 1 - probability)),
    element("p", { class: "muted small" }, limit),
  ];
}

function interval(page, { prediction, low, high }) {
  const width = high - low || 1;
  const [from, to] = [low - width / 4, high + width / 4];
  const place = (value) => `${(100 * (value - from)) / (to - from)}%`;
  const range = element("span", { class: "range" });
  const dot = element("span", { class: "dot" });
  range.style.left = place(low);
  range.style.right = `calc(100% - ${place(high)})`;
  dot.style.left = place(prediction);
  return [
    element("p", { class: "big" }, number(prediction)),
    element("div", { class: "band", "aria-hidden": "true" }, range, dot),
    element("p", { class: "muted" }, `90 % of such rows lie between ${number(low)} and ${number(high)}`),
  ];
}

function bar(name, share, limit) {
  const filled = element("span", { class: "filled" });
  filled.style.width = `${100 * share}%`;
  const track = element("span", { class: "track", "aria-hidden": "true" }, filled);
  if (limit !== undefined) {
    const mark = element("span", { class: "limit" });
    mark.style.left = `${100 * limit}%`;
    track.append(mark);
  }
  return element("div", { class: "bar" }, element("span", {}, name), track, element("b", {}, percent(share)));
}

/** A row for each reason: what the value changes, beside the typical one. */
export function reasonRows(page, row, { reasons }) {
  if (!reasons.length) return [element("li", { class: "muted" }, "No single value changes the answer.")];
  const most = Math.max(...reasons.map(({ effect }) => Math.abs(effect)));
  return reasons.map(({ column, typical, effect }) => {
    const size = page.kind === "regression" ? number(Math.abs(effect)) : `${(100 * Math.abs(effect)).toFixed(1)} points`;
    const filled = element("span", { class: effect < 0 ? "filled less" : "filled" });
    filled.style.width = `${(100 * Math.abs(effect)) / most}%`;
    return element("li", {},
      element("span", {}, element("b", {}, `${column}: ${shown(row[column])}`), element("small", { class: "muted" }, ` typical: ${shown(typical)}`)),
      element("span", { class: "track", "aria-hidden": "true" }, filled),
      element("span", {}, signed(size, effect)));
  });
}

function shown(value) {
  if (value === null || value === undefined) return "not known";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" ? number(value) : String(value);
}
