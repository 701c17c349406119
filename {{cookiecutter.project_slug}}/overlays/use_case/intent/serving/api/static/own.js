// The form for an event of the reader's own.
import { element } from "./shared.js";
import { price } from "./words.js";

const ACTIONS = [
  ["add", "put a product into the cart"],
  ["remove", "take a product out of the cart"],
  ["detail", "look at a product"],
  ["view", "look at a page"],
  ["search", "search"],
];

/**
 * The form, as `element`; `offer` tells it the products to choose from, `focus` brings the reader
 * there. `made` is called with an event whose `after` is in milliseconds, in place of a time.
 */
export function ownEvent(made) {
  const number = (id, most, value) =>
    element("input", { id, type: "number", min: 0, max: most, value, required: true, inputmode: "numeric" });
  const action = element("select", { id: "own-action" }, ...ACTIONS.map(([value, name]) => element("option", { value }, name)));
  const product = element("select", { id: "own-product" });
  const clicks = number("own-clicks", 50, 1);
  const seconds = number("own-seconds", 1800, 20);
  const productLabel = element("label", {}, "Product", product);
  const clicksLabel = element("label", {}, "Results clicked", clicks);

  const fit = () => {
    const search = action.value === "search";
    clicksLabel.hidden = clicks.disabled = !search;
    productLabel.hidden = product.disabled = search || action.value === "view";
  };
  const submit = (event) => {
    event.preventDefault();
    const after = 1000 * seconds.valueAsNumber;
    const more = clicks.disabled ? {} : { clicks: clicks.valueAsNumber };
    made({ action: action.value, after, ...more, ...(!product.disabled && product.value && { sku: product.value }) });
  };
  action.onchange = fit;
  fit();
  return {
    element: element("form", { id: "own", onsubmit: submit },
      element("p", { class: "muted small" }, "Let the visitor do something else after the event that is shown."),
      element("label", {}, "They", action), productLabel, clicksLabel,
      element("label", {}, "Seconds later", seconds),
      element("button", { id: "own-add" }, "Add this event")),
    offer: (names, catalog) => product.replaceChildren(...products(names, catalog)),
    focus: () => action.focus(),
  };
}

/** Those of the visit by their letters, and one that it has not seen. */
function products(names, catalog) {
  const seen = [...names].map(([sku, letter]) => element("option", { value: sku }, `${letter} · ${price(sku, catalog)}`));
  const other = Object.keys(catalog).find((sku) => !names.has(sku));
  return other ? [...seen, element("option", { value: other }, `another one · ${price(other, catalog)}`)] : seen;
}
