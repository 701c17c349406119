// The model's answers to the beginnings of a visit, each asked for once.
import { predict } from "./shared.js";

const LANES = 4; // questions that are on their way at once
const kept = new Map(); // by the events that were asked about

const beginning = (events, size) => JSON.stringify(events.slice(0, size));

/** The answer to the first events, undefined while it is not known. */
export function answerTo(events, size) {
  return kept.get(beginning(events, size));
}

/**
 * Ask for what is not known yet, in the order of `sizes`; `arrived` is called after each answer.
 * Rejects with the first refusal, or when the signal aborts what is on its way.
 */
export async function fill(events, sizes, signal, arrived) {
  const wanted = sizes.filter((size) => !answerTo(events, size));
  const lane = async () => {
    while (wanted.length && !signal.aborted) {
      const size = wanted.shift();
      const { predictions, warnings } = await predict({ events: events.slice(0, size), explain: true }, signal);
      kept.set(beginning(events, size), { ...predictions[0], warnings });
      if (!signal.aborted) arrived();
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
