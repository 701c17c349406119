// Parcels: how long the newest take.
import { element, predict } from "./shared.js";

export const title = "When is it here?";
export const subtitle = "How many minutes each parcel takes from its depot.";
export const baseline = "Baseline: each takes as long as its depot's did on average.";
export const metrics = { mae: { name: "Mean error, minutes", lower: true } };

export async function start(main, data) {
  const { predictions } = await predict(data.example);
  const rows = predictions.map(({ depot, minutes }) => element("li", {}, `${depot}: ${minutes} min`));
  main.replaceChildren(element("ol", {}, ...rows));
}
