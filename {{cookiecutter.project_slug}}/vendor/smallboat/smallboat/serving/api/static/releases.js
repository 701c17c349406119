// The releases with their lives, the newest first.
import { $, element, fetchOnce, number } from "./shared.js";

const MOST = 20;
const minute = (time) => time.slice(0, 16).replace("T", " ");

/** A value with its interval below it. */
function measured(value, interval) {
  if (value === undefined || value === null) return [];
  const between = interval && element("small", {}, ` ${number(interval[0])} to ${number(interval[1])}`);
  return [number(value), between];
}

function row(life) {
  const { metric, value, interval, baseline } = life.evaluation ?? {};
  const cell = (label, ...content) => element("td", { "data-label": label }, ...content);
  return element(
    "tr", {},
    element("th", { scope: "row" }, element("code", {}, life.run ?? life.release)),
    cell("Since", life.at ? minute(life.at) : ""),
    cell("Until", life.until ? minute(life.until) : "served now"),
    cell("Evaluation", ...measured(value, interval), baseline && element("small", {}, ` baseline ${number(baseline)}`)),
    cell("Live", ...measured(life.live?.metrics?.[metric], life.live?.intervals?.[metric])),
    cell("Why it came", life.came),
    cell("Why it went", life.went ?? ""),
  );
}

/** Show the section of the releases, if there are any and the API tells them. */
export async function showReleases() {
  const lives = await fetchOnce("releases").catch(() => []);
  if (!lives.length) return;
  const newest = lives.slice(-MOST).reverse();
  const metric = newest[0].evaluation?.metric;
  const judged = metric ? `${metric} on the test rows of training, and live, as far as the outcomes are known. ` : "";
  const which = lives.length > MOST ? `The newest ${MOST} of ${lives.length}. ` : "";
  const heads = ["Run", "Since (UTC)", "Until", "Evaluation", "Live", "Why it came", "Why it went"];
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  const caption = element("caption", {}, `${which}${judged}Lower is better.`);
  const body = element("tbody", {}, ...newest.map(row));
  $("lives").replaceChildren(element("table", { class: "stack" }, caption, element("thead", {}, head), body));
  $("releases").hidden = false;
}
