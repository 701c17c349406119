// Purchase intent: replay a visit event by event, and see the chance of a purchase move.
import { answerTo, fill } from "./answers.js";
import { chart, legend } from "./chart.js";
import { ownEvent } from "./own.js";
import { cart, ending, eventRows, newest, reasonRows, verdict } from "./panels.js";
import { element, trouble } from "./shared.js";
import { letters, percent, sentence } from "./words.js";

export const title = "Will they buy?";
export const subtitle = "Replay a visit to a shop, see how likely a purchase is after each event, and try what would change it.";
export const baseline = "Baseline: every visit with a cart buys as often as all do.";
export const metrics = {
  ap: { name: "Average precision" },
  roc_auc: { name: "ROC AUC" },
  log_loss: { name: "Log loss", lower: true },
  ece: { name: "Calibration error", lower: true },
  ap_error: { name: "1 − average precision", lower: true },
  challenge: { name: "Challenge score, of 4.5" },
};

const WAIT = 60; // ms without another move before the model is asked
const STEP = 900; // ms between two events of a replay
const HANDLE = 24; // px, of the slider

let catalog;
let ordinary; // the visit that reasons are told against, in words
let sessions;
let session; // what is replayed
let events; // of the session, or of the reader's own visit
let names; // letters of their products
let own; // the index of the reader's first own event; Infinity = there is none
let position; // how many events were seen
let asked; // stops the questions before
let threshold;
let playing; // a new object for each replay, undefined between them
let told; // the decision that was said last
let form;
let parts; // elements that change

/** Fill the part of the page that is this use case's own. */
export function start(root, data) {
  ({ sessions, catalog, ordinary } = data.page);
  const button = (id, sign, label, onclick) => element("button", { type: "button", id, "aria-label": label, title: label, onclick }, sign);
  parts = {
    session: element("select", { id: "session", onchange: choose }, ...sessions.map(option)),
    chance: element("p", { id: "chance" }),
    between: element("p", { id: "between", class: "muted" }),
    decision: element("p", { id: "decision" }),
    outcome: element("p", { id: "outcome", class: "note", hidden: true }),
    warnings: element("div", { id: "warnings" }),
    chart: element("div", { id: "chart" }),
    back: button("back", "◀", "One event back", () => move(position - 1)),
    play: element("button", { type: "button", id: "play", class: "primary", onclick: () => (playing ? stop() : play()) }),
    next: button("next", "▶", "One event on", () => move(position + 1)),
    slider: element("input", { type: "range", id: "slider", min: 1, "aria-label": "Events seen", oninput: () => move(Number(parts.slider.value)) }),
    now: element("p", { id: "now" }),
    reasons: element("ul", { id: "reasons" }),
    against: element("p", { class: "muted small" }),
    cart: element("p", { id: "cart", class: "muted" }),
    list: element("ol", { id: "list", reversed: true, tabindex: 0, "aria-label": "What they did, the newest first" }),
    said: element("p", { class: "unseen", "aria-live": "polite" }),
    mine: element("p", { id: "mine", class: "note", hidden: true }),
  };
  form = ownEvent(add);
  const section = (id, title, ...content) =>
    element("section", { "aria-labelledby": id }, element("h2", { id }, title), ...content);
  root.append(
    element("section", { class: "choice", "aria-label": "Visit" }, element("label", {}, "Visit", parts.session)),
    element("section", { "aria-labelledby": "chance-title" },
      element("div", { class: "answer" },
        element("div", {}, element("h2", { id: "chance-title" }, "The chance that they buy"), parts.chance, parts.between),
        element("div", { class: "verdict" }, parts.decision, parts.outcome)),
      parts.chart, parts.slider, legend(),
      element("div", { class: "player" }, parts.back, parts.play, parts.next, parts.now),
      parts.warnings, parts.said),
    element("div", { class: "sides" },
      section("why-title", "What speaks for a purchase, what against", parts.against, parts.reasons),
      element("div", {},
        section("list-title", "What they did", parts.cart, parts.list),
        section("own-title", "What if?", form.element, parts.mine))),
  );
  new ResizeObserver(drawChart).observe(parts.chart);
  choose();
}

function option({ name, request }, index) {
  return element("option", { value: index }, `${name} · ${request.events.length} events`);
}

function choose() {
  session = sessions[Number(parts.session.value)];
  own = Infinity;
  begin([...session.request.events].sort((one, other) => one.time - other.time));
  move(firstAdd() + 1);
}

/** Put an event of the reader's own behind those that were seen. */
function add({ after, ...event }) {
  own = Math.min(own, position);
  begin([...events.slice(0, position), { ...event, time: events[position - 1].time + after }]);
  move(events.length);
}

function begin(all) {
  events = all;
  names = letters(events);
  form.offer(names, catalog);
  parts.slider.max = events.length;
}

function undo() {
  choose();
  form.focus();
}

const firstAdd = () => events.findIndex(({ action }) => action === "add");
const hasCart = () => firstAdd() >= 0 && position > firstAdd();

function move(to) {
  playing = undefined;
  go(to);
}

async function play() {
  const turn = (playing = {});
  go(position === events.length ? 1 : position);
  while (playing === turn && position < events.length) {
    await Promise.all([asked.done, new Promise((resolve) => setTimeout(resolve, STEP))]);
    if (playing === turn) go(position + 1);
  }
  if (playing === turn) stop();
}

function stop() {
  playing = undefined;
  drawPlayer();
}

/** Show the visit up to an event, and ask for what is not known of it. */
function go(to) {
  position = Math.min(Math.max(to, 1), events.length);
  draw();
  asked?.abort();
  asked = new AbortController();
  asked.done = ask(asked);
}

/** Ask for the answers up to the event that is shown, that one first. */
async function ask(question) {
  await new Promise((resolve) => setTimeout(resolve, WAIT));
  if (question.signal.aborted || !hasCart()) return;
  const sizes = Array.from({ length: position - firstAdd() }, (_, index) => position - index);
  try {
    await fill(events, sizes, question.signal, draw);
    trouble("");
  } catch (error) {
    if (question.signal.aborted) return;
    question.abort();
    stop();
    trouble(error.message);
  }
}

function draw() {
  const answer = answerTo(events, position);
  threshold = answer?.threshold ?? threshold;
  drawPlayer();
  drawAnswer(answer);
  drawChart();
  drawVisit();
  if (answer) say(answer);
}

function drawPlayer() {
  parts.slider.value = position;
  parts.slider.setAttribute("aria-valuetext", `event ${position} of ${events.length}`);
  parts.play.textContent = playing ? "Pause" : position === events.length ? "Play again" : "Play";
  parts.back.disabled = position === 1;
  parts.next.disabled = position === events.length;
}

function drawAnswer(answer) {
  parts.chance.toggleAttribute("data-waits", hasCart() && !answer);
  parts.against.textContent = hasCart() ? `In percentage points, against a visit that is ordinary in that respect: ${ordinary}.` : "";
  if (answer) {
    parts.chance.textContent = percent(answer.probability);
    parts.between.textContent = `of visits like this one between ${percent(answer.low)} and ${percent(answer.high)} bought`;
    parts.decision.className = answer.decision;
    parts.decision.replaceChildren(...verdict(answer));
    parts.reasons.replaceChildren(...reasonRows(answer.reasons));
  } else if (!hasCart()) {
    parts.chance.textContent = "–";
    parts.between.textContent = "the model answers from the first product in the cart on";
    parts.decision.className = "none";
    parts.decision.replaceChildren(element("b", {}, "No cart yet"), " ", element("span", {}, "there is nothing to decide"));
    parts.reasons.replaceChildren(element("li", { class: "muted" }, "Nothing yet: the cart is empty."));
  }
  parts.warnings.replaceChildren(...(answer?.warnings ?? []).map((text) => element("p", { class: "note" }, sentence(text))));
}

function drawChart() {
  const width = parts.chart.clientWidth;
  if (!width) return;
  const answers = events.map((_, index) => answerTo(events, index + 1));
  const choose = (to) => to === position || move(to);
  const { drawn, left, right } = chart(width, { events, answers, first: firstAdd(), position, threshold, choose });
  parts.chart.replaceChildren(drawn);
  // The handle stands below the event.
  parts.slider.style.marginLeft = `${left - HANDLE / 2}px`;
  parts.slider.style.width = `${right - left + HANDLE}px`;
}

function drawVisit() {
  const seen = events.slice(0, position);
  parts.now.replaceChildren(...newest(seen, events.length, names, catalog));
  parts.cart.textContent = `In the cart: ${cart(seen, names)}`;
  parts.list.replaceChildren(...eventRows(seen, own, names, catalog));
  const count = Math.max(events.length - own, 0);
  parts.outcome.hidden = count > 0 || position < events.length;
  parts.outcome.replaceChildren(...ending(session.purchased, events.map((_, index) => answerTo(events, index + 1)?.decision)));
  parts.mine.hidden = !count;
  parts.mine.replaceChildren(`${count === 1 ? "The last event is" : `The last ${count} events are`} yours. `,
    element("button", { type: "button", class: "link", id: "undo", onclick: undo }, "Back to what they really did"));
}

/** Tell the step to who does not see it; a replay tells only what the model would do otherwise. */
function say({ decision, probability }) {
  const same = playing && told === decision && position < events.length;
  told = decision;
  if (same) return;
  const end = parts.outcome.hidden ? "" : ` ${parts.outcome.textContent}`;
  const text = `${parts.now.textContent}. Chance ${percent(probability)}: ${parts.decision.textContent}.${end}`;
  if (parts.said.textContent !== text) parts.said.textContent = text;
}
