// The page of a table: a form with its columns, the answer with its reasons, and a CSV file's rows.
import { answerPanel, reasonRows } from "./answer.js";
import { upload } from "./csv.js";
import { $, element, predict, trouble } from "./shared.js";

export const title = "Prediction";
export const subtitle = "Change a value and see what the model answers, and why.";
export const baseline = "Baseline: a rule that knows only how the target is distributed.";
export const metrics = {
  log_loss: { name: "Log loss", lower: true },
  roc_auc: { name: "ROC AUC" },
  ap: { name: "Average precision" },
  accuracy: { name: "Accuracy" },
  error_rate: { name: "Share of wrong predictions", lower: true },
  ece: { name: "Calibration error", lower: true },
  relative_mae: { name: "Error as a share of always saying the median", lower: true },
  relative_rmse: { name: "Error as a share of always saying the mean", lower: true },
  mae: { name: "Mean absolute error", lower: true },
  rmse: { name: "Root mean squared error", lower: true },
  r2: { name: "R²" },
  interval_coverage: { name: "Targets within their interval", aim: 0.9 },
  interval_width: { name: "Width of the interval", lower: true },
  macro_ap: { name: "Average precision, mean over classes" },
  ap_error: { name: "1 − average precision", lower: true },
  auc_error: { name: "1 − ROC AUC", lower: true },
};

const WAIT = 150; // ms after the last change before a request is sent
let page; // what the model says of its columns
let parts; // elements that change
let timer;
let pending; // aborts the request before

/** Fill this use case's part of the page. */
export function start(root, data) {
  page = data.page;
  document.title = $("title").textContent = `Prediction of ${page.target}`;
  parts = {
    fields: page.columns.map(field),
    answer: element("div", { id: "answer", "aria-live": "polite" }),
    warnings: element("div", { id: "warnings" }),
    reasons: element("ol", { id: "reasons" }),
    against: element("p", { class: "muted small" }),
  };
  const examples = element("select", { id: "examples", onchange: () => fill(page.examples[examples.value]) },
    ...page.examples.map((_, index) => element("option", { value: index }, `Row ${index + 1} of the newest rows`)));
  const form = element("form", { id: "row", class: "fields", oninput: soon, onsubmit: (event) => event.preventDefault() },
    ...parts.fields.map(({ label }) => label));
  root.append(
    element("div", { class: "sides" },
      element("section", { "aria-labelledby": "row-title" },
        element("div", { class: "head" }, element("h2", { id: "row-title" }, "The row"), element("label", {}, "Start from", examples)),
        element("p", { class: "muted small" }, "An empty field counts as not known."),
        form),
      element("div", {},
        element("section", { "aria-labelledby": "answer-title" }, element("h2", { id: "answer-title" }, `Predicted ${page.target}`), parts.answer, parts.warnings),
        element("section", { "aria-labelledby": "why-title" }, element("h2", { id: "why-title" }, "Reasons"), parts.against, parts.reasons))),
    upload(page));
  fill(page.examples[0]);
}

/** A column's input: its label, and functions that read and write its value. */
function field(column) {
  const { name, type, unit, range, choices } = column;
  const id = `field-${page.columns.indexOf(column)}`;
  let input;
  let list = null;
  if (type === "flag") {
    input = element("select", { id }, ...[["", "not known"], ["true", "yes"], ["false", "no"]].map(([value, text]) => element("option", { value }, text)));
  } else if (type === "number") {
    input = element("input", { id, type: "number", step: "any", inputmode: "decimal", placeholder: "not known" });
  } else if (type === "date") {
    input = element("input", timed(column) ? { id, type: "datetime-local", step: 1 } : { id, type: "date" });
  } else {
    list = element("datalist", { id: `${id}-choices` }, ...choices.map((value) => element("option", { value })));
    input = element("input", { id, list: list.id, autocomplete: "off", placeholder: "not known" });
  }
  input.required = column.required;
  const hint = [unit, range && `${short(range[0])} to ${short(range[1])}`].filter(Boolean).join(", ");
  const label = element("label", {}, element("span", {}, name, element("small", { class: "muted" }, hint && ` ${hint}`)), input, list);
  const read = () => {
    if (input.value === "") return null;
    if (type === "number") return Number(input.value);
    return type === "flag" ? input.value === "true" : input.value;
  };
  const write = (value) => {
    const text = value === undefined || value === null ? "" : String(value);
    input.value = type === "date" && text && timed(column) && !text.includes("T") ? `${text}T00:00` : text;
  };
  return { name, label, read, write };
}

/** Whether a column's dates have a time of day. */
const timed = ({ typical }) => String(typical).includes("T");

const short = (value) => Number(value.toPrecision(4)).toLocaleString("en");

function fill(row) {
  for (const { name, write } of parts.fields) write(row[name]);
  ask();
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(ask, WAIT);
}

async function ask() {
  pending?.abort();
  const own = (pending = new AbortController());
  const row = Object.fromEntries(parts.fields.map(({ name, read }) => [name, read()]));
  parts.answer.setAttribute("aria-busy", "true");
  try {
    const { predictions, warnings } = await predict({ rows: [row], explain: true }, own.signal);
    if (own.signal.aborted) return;
    trouble("");
    parts.answer.replaceChildren(...answerPanel(page, predictions[0]));
    parts.warnings.replaceChildren(...warnings.map((text) => element("p", { class: "note" }, text.replace(/^rows\[0\]\./, ""))));
    parts.against.textContent = "What each value changes, compared with the column's typical value.";
    parts.reasons.replaceChildren(...reasonRows(page, row, predictions[0]));
  } catch (error) {
    if (own.signal.aborted) return;
    trouble(error.message);
  }
  parts.answer.removeAttribute("aria-busy");
}
