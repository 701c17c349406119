// The form for the user's own event.
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
 * The form as `element`, `offer` to set its products, and `focus`. `onAdd` is called with an event
 * that has `after`, in milliseconds, instead of `time`.
 */
export function ownEvent(onAdd) {
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
    onAdd({ action: action.value, after, ...more, ...(!product.disabled && product.value && { sku: product.value }) });
  };
  action.onchange = fit;
  fit();
  return {
    element: element("form", { id: "own", onsubmit: submit },
      element("p", { class: "muted small" }, "Add an event after the one that is shown."),
      element("label", {}, "The visitor will", action), productLabel, clicksLabel,
      element("label", {}, "Seconds later", seconds),
      element("button", { id: "own-add" }, "Add this event")),
    offer: (names, catalog) => product.replaceChildren(...products(names, catalog)),
    focus: () => action.focus(),
  };
}

/** The visit's products by their letters, and one other. */
function products(names, catalog) {
  const seen = [...names].map(([sku, letter]) => element("option", { value: sku }, `${letter} · ${price(sku, catalog)}`));
  const other = Object.keys(catalog).find((sku) => !names.has(sku));
  return other ? [...seen, element("option", { value: other }, `another one · ${price(other, catalog)}`)] : seen;
}
