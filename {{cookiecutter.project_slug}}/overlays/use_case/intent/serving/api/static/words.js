// Texts and icons for events, products and times.
const CART = "M3 4h2.2l2.3 11h10L20 7.5H6 M9 19.5h.01 M16 19.5h.01";
const ACTIONS = {
  view: { says: "looked at a page", path: "M6 3h8l4 4v14H6z M14 3v4h4" },
  detail: { says: "looked at", path: "M4 12V4h8l8.5 8.5-8 8z M8 8h.01" },
  add: { says: "put into the cart:", path: `${CART} M10.5 11.3h5 M13 8.8v5` },
  remove: { says: "took out of the cart:", path: `${CART} M10.5 11.3h5` },
  search: { says: "searched", path: "M10.5 4a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13z M15.5 15.5L21 21" },
};

/** An element of SVG with attributes, properties (on…) and children. */
export function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

/** The icon of an action, hidden from screen readers. */
export function icon(action) {
  return svg("svg", { viewBox: "0 0 24 24", class: `icon is-${action}`, "aria-hidden": "true" },
    svg("path", { d: ACTIONS[action].path }));
}

/** Letters of a visit's products, in order of appearance: A … Z, AA, AB … */
export function letters(events) {
  const skus = new Set(events.map((event) => event.sku).filter(Boolean));
  const letter = (index) => (index < 26 ? "" : letter(Math.floor(index / 26) - 1)) + String.fromCharCode(65 + (index % 26));
  return new Map([...skus].map((sku, index) => [sku, letter(index)]));
}

/** The price from the catalogue, such as "price 7 of 10". */
export function price(sku, catalog) {
  const bucket = catalog[sku]?.[0];
  return bucket ? `price ${bucket} of 10` : "price not known";
}

/** An event as text; `names` are the letters of its visit's products. */
export function words(event, names) {
  const { says } = ACTIONS[event.action];
  const product = event.sku ? `product ${names.get(event.sku)}` : "";
  if (event.action === "search") {
    const clicks = event.clicks ?? 0;
    return `${says} and clicked ${clicks === 0 ? "nothing" : `${clicks} result${clicks > 1 ? "s" : ""}`}`;
  }
  if (event.action === "view") return product ? `${says} of ${product}` : event.page ? `${says} (${event.page})` : says;
  return `${says} ${product || "a product"}`;
}

/** What tells a visit from others: "15 Apr, 14:03 · 8 events · 1 added"; times are UTC. */
export function visitName(events) {
  const [, day, month, , time] = new Date(events[0].time).toUTCString().split(" ");
  const added = events.filter(({ action }) => action === "add").length;
  return `${Number(day)} ${month}, ${time.slice(0, 5)} · ${events.length} events · ${added} added`;
}

/** Milliseconds as "4:05" or "1:02:33". */
export function clock(ms) {
  const seconds = Math.round(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [hours, ...rest] = parts.map((part, index) => (index ? String(part).padStart(2, "0") : part));
  return hours ? [hours, ...rest].join(":") : `${Number(rest[0])}:${rest[1]}`;
}

export const sentence = (text) => text[0].toUpperCase() + text.slice(1);
export const percent = (share) => (share > 0 && share < 0.005 ? "< 1 %" : `${Math.round(share * 100)} %`);
