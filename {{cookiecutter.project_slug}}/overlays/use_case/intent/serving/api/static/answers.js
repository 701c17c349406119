// The model's answers to the beginnings of a visit, each requested once.
import { predict } from "./shared.js";

const MAX_PENDING = 2; // requests at a time: the containers of a serverless endpoint
const answers = new Map(); // by their events

const beginning = (events, size) => JSON.stringify(events.slice(0, size));

/** The answer to the first `size` events; undefined until it arrives. */
export function answerTo(events, size) {
  return answers.get(beginning(events, size));
}

/**
 * Request the missing answers, in the order of `sizes`, the first one alone: it may start the model.
 * `arrived` is called after each.
 * Rejects with the first error, or when the signal aborts.
 */
export async function fill(events, sizes, signal, arrived) {
  const missing = sizes.filter((size) => !answerTo(events, size));
  const next = async () => {
    const size = missing.shift();
    const { predictions, warnings } = await predict({ events: events.slice(0, size), explain: true }, signal);
    answers.set(beginning(events, size), { ...predictions[0], warnings });
    if (!signal.aborted) arrived();
  };
  const work = async () => {
    while (missing.length && !signal.aborted) await next();
  };
  if (missing.length) await next();
  await Promise.all(Array.from({ length: MAX_PENDING }, work));
}
