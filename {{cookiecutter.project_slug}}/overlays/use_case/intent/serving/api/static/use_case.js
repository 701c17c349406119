// Purchase intent: replay a visit event by event, and see the chance of a purchase move.
import { answerTo, fill } from "./answers.js";
import { chart, legend } from "./chart.js";
import { ownEvent } from "./own.js";
import { cart, ending, eventRows, newest, reasonRows, verdict } from "./panels.js";
import { element, trouble } from "./shared.js";
import { letters, percent, sentence, visitName } from "./words.js";

export const title = "Will they buy?";
export const subtitle = "Replay a visit to a shop event by event, or add events of your own.";
export const baseline = "Baseline: the share of all visits with a cart that end in a purchase.";
export const metrics = {
  ap: { name: "Average precision" },
  roc_auc: { name: "ROC AUC" },
  log_loss: { name: "Log loss", lower: true },
  ece: { name: "Calibration error", lower: true },
  ap_error: { name: "1 − average precision", lower: true },
  challenge: { name: "Challenge score, of 4.5" },
};

const WAIT = 60; // ms after the last move before requests are sent
const STEP = 900; // ms between two events of a replay
const HANDLE = 24; // px, of the slider
const MANY = 10; // events after the first add that a visit opens with

let catalog;
let ordinary; // the typical visit that reasons compare with, as text
let sessions;
let session; // the one that is replayed
let events; // of the session, perhaps with the user's own at the end
let names; // letters of their products
let own; // index of the user's first own event; Infinity if there is none
let position; // number of events seen
let pending; // aborts the requests before
let threshold;
let playing; // a new object for each replay, undefined between them
let announced; // the last decision that a screen reader was given
let form;
let parts; // elements that change

/** Fill this use case's part of the page. */
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
    next: button("next", "▶", "One event forward", () => move(position + 1)),
    slider: element("input", { type: "range", id: "slider", min: 1, "aria-label": "Events seen", oninput: () => move(Number(parts.slider.value)) }),
    now: element("p", { id: "now" }),
    reasons: element("ul", { id: "reasons" }),
    against: element("p", { class: "muted small" }),
    cart: element("p", { id: "cart", class: "muted" }),
    list: element("ol", { id: "list", reversed: true, tabindex: 0, "aria-label": "The visitor's events, newest first" }),
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
      section("why-title", "Reasons for and against a purchase", parts.against, parts.reasons),
      element("div", {},
        section("list-title", "What they did", parts.cart, parts.list),
        section("own-title", "What if?", form.element, parts.mine))),
  );
  new ResizeObserver(drawChart).observe(parts.chart);
  const telling = sessions.findIndex(({ request }) => left(inOrder(request)) > MANY);
  parts.session.value = Math.max(telling, 0);
  choose();
}

function option({ request }, index) {
  return element("option", { value: index }, visitName(inOrder(request)));
}

const inOrder = ({ events }) => [...events].sort((one, other) => one.time - other.time);
const left = (visit) => visit.length - firstAdd(visit) - 1;

/** Open a visit with some of its answers, before its end. */
function choose() {
  session = sessions[Number(parts.session.value)];
  begin();
  move(firstAdd() + 1 + Math.min(MANY, Math.max(left(events) - 1, 0)));
}

/** Add the user's own event after those that were seen. */
function add({ after, ...event }) {
  begin([...events.slice(0, position), { ...event, time: events[position - 1].time + after }], Math.min(own, position));
  move(events.length);
}

function begin(all = inOrder(session.request), first = Infinity) {
  events = all;
  own = first;
  names = letters(events);
  form.offer(names, catalog);
  parts.slider.max = events.length;
}

function undo() {
  const before = own;
  begin();
  move(before);
  form.focus();
}

const firstAdd = (visit = events) => visit.findIndex(({ action }) => action === "add");
const hasCart = () => firstAdd() >= 0 && position > firstAdd();

function move(to) {
  playing = undefined;
  go(to);
}

async function play() {
  const turn = (playing = {});
  go(position === events.length ? 1 : position);
  while (playing === turn && position < events.length) {
    await Promise.all([pending.done, new Promise((resolve) => setTimeout(resolve, STEP))]);
    if (playing === turn) go(position + 1);
  }
  if (playing === turn) stop();
}

function stop() {
  playing = undefined;
  drawPlayer();
}

/** Show the visit up to an event, and request its missing answers. */
function go(to) {
  position = Math.min(Math.max(to, 1), events.length);
  draw();
  pending?.abort();
  pending = new AbortController();
  pending.done = requestAnswers(pending);
}

/** Request the answers up to the event that is shown, starting with that one. */
async function requestAnswers(controller) {
  await new Promise((resolve) => setTimeout(resolve, WAIT));
  if (controller.signal.aborted || !hasCart()) return;
  const sizes = Array.from({ length: position - firstAdd() }, (_, index) => position - index);
  try {
    await fill(events, sizes, controller.signal, draw);
    trouble("");
  } catch (error) {
    if (controller.signal.aborted) return;
    controller.abort();
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
  parts.against.textContent = hasCart() ? `In percentage points, compared with a typical visit: ${ordinary}.` : "";
  if (answer) {
    parts.chance.textContent = percent(answer.probability);
    parts.between.textContent = `between ${percent(answer.low)} and ${percent(answer.high)} of visits like this one bought`;
    parts.decision.className = answer.decision;
    parts.decision.replaceChildren(...verdict(answer));
    parts.reasons.replaceChildren(...reasonRows(answer.reasons));
  } else if (!hasCart()) {
    parts.chance.textContent = "–";
    parts.between.textContent = "the model answers once a product is in the cart";
    parts.decision.className = "none";
    parts.decision.replaceChildren(element("b", {}, "No cart yet"), " ", element("span", {}, "nothing to decide"));
    parts.reasons.replaceChildren(element("li", { class: "muted" }, "None yet: the cart is empty."));
  }
  parts.warnings.replaceChildren(...(answer?.warnings ?? []).map((text) => element("p", { class: "note" }, sentence(text))));
}

function drawChart() {
  const width = parts.chart.clientWidth;
  if (!width) return;
  const answers = events.map((_, index) => answerTo(events, index + 1));
  const choose = (to) => to === position || move(to);
  const { drawing, left, right } = chart(width, { events, answers, first: firstAdd(), position, threshold, choose });
  parts.chart.replaceChildren(drawing);
  // Keep the slider's handle below its event.
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

/** Announce the step to screen readers; a replay announces only changed decisions. */
function say({ decision, probability }) {
  const same = playing && announced === decision && position < events.length;
  announced = decision;
  if (same) return;
  const end = parts.outcome.hidden ? "" : ` ${parts.outcome.textContent}`;
  const text = `${parts.now.textContent}. Chance ${percent(probability)}: ${parts.decision.textContent}.${end}`;
  if (parts.said.textContent !== text) parts.said.textContent = text;
}
