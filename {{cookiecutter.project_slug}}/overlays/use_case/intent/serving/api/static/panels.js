// The panels for an answer and for the events seen.
import { element } from "./shared.js";
import { clock, icon, percent, price, sentence, words } from "./words.js";

/** The decision and its reason. */
export function verdict({ decision, threshold }) {
  const from = percent(threshold);
  const [what, why] = decision === "approach"
    ? ["Approach them", `from ${from} on an offer or a chat is worth what it costs`]
    : ["Leave them alone", `below ${from} an offer or a chat costs more than it brings`];
  return [element("b", {}, what), " ", element("span", {}, why)];
}

/** The reasons for and against a purchase, as rows with bars. */
export function reasonRows(reasons) {
  if (!reasons.length) return [element("li", { class: "muted" }, "None: this visit is typical in every respect.")];
  const most = Math.max(5, ...reasons.map(({ points }) => Math.abs(points)));
  return reasons.map(({ about, says, ordinary, points }) => {
    const bar = element("span", { class: "bar" }, element("span"));
    bar.firstChild.style.width = `${(Math.abs(points) / most) * 50}%`;
    bar.firstChild.style[points > 0 ? "left" : "right"] = "50%";
    return element("li", { class: points > 0 ? "for" : "contra" },
      element("span", {}, element("b", {}, about), element("small", {}, sentence(says)),
        element("small", {}, says === ordinary ? "typical" : `typical: ${ordinary}`)),
      bar,
      element("span", { class: "points" }, `${points > 0 ? "+" : "−"}${Math.abs(points).toFixed(1)}`));
  });
}

/** The events seen, newest first. From the index `own` on they are the user's. */
export function eventRows(seen, own, names, catalog) {
  const rows = seen.map((event, index) => {
    const about = event.sku && element("small", {}, `${price(event.sku, catalog)} · `, element("code", { title: event.sku }, event.sku.slice(0, 6)));
    return element("li", { value: index + 1, class: index >= own ? "own" : "", "aria-current": index === seen.length - 1 && "step" },
      element("span", { class: "when" }, clock(event.time - seen[0].time)),
      icon(event.action),
      element("span", { class: "what" }, sentence(words(event, names)), about));
  });
  return rows.reverse();
}

/** The newest event as text. */
export function newest(seen, count, names, catalog) {
  const event = seen.at(-1);
  const text = `${words(event, names)}${event.sku ? `, ${price(event.sku, catalog)}` : ""}`;
  const place = `Event ${seen.length} of ${count}, ${clock(event.time - seen[0].time)} after the start: `;
  return [element("span", { class: "muted" }, place), element("b", {}, text)];
}

/** The content of the cart as text. */
export function cart(seen, names) {
  const inside = new Map();
  for (const { action, sku } of seen) {
    if (action === "add") inside.set(sku, (inside.get(sku) ?? 0) + 1);
    else if (action === "remove") inside.delete(sku);
  }
  const one = ([sku, count]) => `${sku ? `product ${names.get(sku)}` : "a product"}${count > 1 ? ` × ${count}` : ""}`;
  return [...inside].map(one).join(", ") || "nothing";
}

/** How the visit ended, and what the model would have decided. */
export function ending(purchased, decisions) {
  const at = decisions.indexOf("approach");
  const model = at < 0 ? "the model would never have approached them" : `the model would have approached them at event ${at + 1}`;
  return ["The end: ", element("b", {}, purchased ? "they bought" : "they left without buying"), `; ${model}.`];
}
