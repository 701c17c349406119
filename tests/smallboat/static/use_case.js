// Parcels: how long the newest take.
import { element, predict } from "./shared.js";

export const title = "When will it arrive?";
export const subtitle = "The minutes from the depot to the door, for each parcel.";
export const baseline = "Baseline: the average of the parcel's depot.";
export const metrics = { mae: { name: "Mean error, minutes", lower: true } };

export async function start(main, data) {
  const { predictions } = await predict(data.example);
  const rows = predictions.map(({ depot, minutes }) => element("li", {}, `${depot}: ${minutes} min`));
  main.replaceChildren(element("ol", {}, ...rows));
}
