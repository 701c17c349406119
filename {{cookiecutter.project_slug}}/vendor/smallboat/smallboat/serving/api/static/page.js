// The part of the page that every use case has: facts about the model. The rest is use_case.js.
import { showReleases } from "./releases.js";
import { $, ApiError, ask, element, number, offerToForget, trouble } from "./shared.js";
import * as useCase from "./use_case.js";

const day = (text) => new Date(text).toISOString().slice(0, 10);

function facts(model) {
  const periods = Object.entries(model.periods).sort(([, one], [, other]) => one[0] - other[0]);
  const text = ([name, ends]) => `${name} ${model.period_names?.[name] ?? [...new Set(ends)].join("–")}`;
  const pairs = [
    ["Training", element("span", {}, "run ", element("code", {}, model.run), ` on ${day(model.created)}`)],
    ["Winner", model.winner.replaceAll("_", " ")],
    ...(model.features_as_of ? [["Features as of", model.features_as_of]] : []),
    [model.split_by === "folds" ? "Folds" : "Periods", periods.map(text).join(", ")],
    ["Data", element("span", {}, "snapshot ", element("code", {}, model.snapshot))],
    ["Release", element("code", {}, model.release)],
  ];
  const list = element("dl");
  for (const [name, value] of pairs) list.append(element("dt", {}, name), element("dd", {}, value));
  return list;
}

function metrics(model) {
  const shown = model.calibration_metrics; // of probabilities and ranges; not every problem has it
  const values = { ...model.metrics.test, ...shown?.metrics };
  const intervals = { ...model.intervals.test, ...shown?.intervals };
  const baselines = { ...model.baseline.test, ...shown?.baseline };
  const differences = { ...model.difference, ...shown?.difference };
  const names = new Set([...Object.keys(useCase.metrics), ...Object.keys(values)]);
  const rows = [...names].filter((name) => name in values).map((name) => {
    const label = useCase.metrics[name] ?? { name };
    const [low, high] = intervals[name];
    const difference = differences[name];
    const sign = label.lower ? -1 : 1;
    const significant = difference.low * difference.high > 0;
    const better = difference.value * sign > 0;
    const verdict = significant ? (better ? "better" : "worse") : "not significant";
    return element(
      "tr", {},
      element("th", { scope: "row" }, label.name, element("small", {}, label.aim ? ` (aim: ${label.aim})` : label.lower ? " (lower is better)" : "")),
      element("td", {}, number(values[name]), element("small", {}, `${number(low)} to ${number(high)}`)),
      element("td", {}, number(baselines[name])),
      element("td", {}, number(difference.value),
        label.aim ? "" : element("span", { class: significant ? (better ? "good" : "bad") : "muted" }, verdict),
        element("small", {}, `${number(difference.low)} to ${number(difference.high)}`)),
    );
  });
  const heads = ["Metric", "Model", "Baseline", "Difference"];
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  const caption = `On the test rows, which the evaluation model was not trained on, with 95 % intervals. ${useCase.baseline}`;
  return element("table", { class: "metrics" }, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...rows));
}

async function start() {
  document.title = $("title").textContent = useCase.title;
  $("subtitle").textContent = useCase.subtitle;
  offerToForget();
  try {
    const { model, ...data } = await ask("page.json"); // one request: a second would start a second container
    $("facts").replaceChildren(facts(model), metrics(model));
    $("model").hidden = false;
    $("card").hidden = !model.card; // a release of an older library has none
    $("use-case").replaceChildren();
    useCase.start($("use-case"), data);
    await showReleases();
  } catch (error) {
    trouble(error.message);
    const retry = element("button", { type: "button", onclick: () => location.reload() }, "Try again");
    $("use-case").replaceChildren(retry);
    if (!(error instanceof ApiError)) throw error;
  }
}

start();
