// For every page: elements, and the API with its key.
// Paths are relative, so the page works behind any prefix.

export const $ = (id) => document.getElementById(id);
const KEY = `api-key ${location.pathname}`;

/** Three decimals; "" for what is not known. */
export const number = (value) => (value === undefined || value === null ? "" : value.toFixed(3).replace("-", "−"));

/** An element with attributes, properties (on…) and children; text is never parsed as HTML. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node[key] = value;
    else if (value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null));
  return node;
}

/** Show an error above everything else, or hide it if there is no message. */
export function trouble(message) {
  $("trouble").hidden = !message;
  $("trouble").textContent = message || "";
}

/** An error of the API; its message is for people, its code for programs. */
export class ApiError extends Error {
  constructor(status, message, code, retryAfter) {
    super(message);
    Object.assign(this, { status, code, retryAfter });
  }
}

/** The JSON that the API returns for a path; asks again while the model starts or is busy. */
export async function fetchJson(path, options) {
  const wait = { began: Date.now(), code: "" };
  waits.add(wait);
  clock ??= setInterval(showWaits, 1000);
  try {
    for (;;) {
      try {
        return await fetchOnce(path, options);
      } catch (error) {
        if (!mayPass(error, wait)) throw error;
        wait.code = error.code ?? wait.code;
        showWaits();
        await pause(error.retryAfter, options?.signal);
      }
    }
  } finally {
    waits.delete(wait);
    showWaits();
  }
}

/** The JSON that the API returns for a path; asks once. */
export async function fetchOnce(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "The API does not answer. Check your network connection.");
  }
  const content = await answer.json().catch(() => ({}));
  if (answer.ok) return content;
  // Some errors of API Gateway have a message only.
  const message = content.error?.message || content.message || `the API answered ${answer.status}`;
  throw new ApiError(answer.status, message, content.error?.code, Number(answer.headers.get("Retry-After")));
}

const NOT_READY = "model_not_ready";
const SAYS = [ // by the code of the last error; the first that fits
  [NOT_READY, "The model is starting. This takes up to a minute; the page goes on by itself."],
  ["too_many_requests", "The model is busy. The page tries again by itself."],
];
const WAITING = "Waiting for the model. It may be starting, which takes up to a minute.";
const PAUSE = 5; // seconds between two tries, unless the API says another time
const QUIET = 3; // seconds without an answer until the page says that it waits
const START = 300; // seconds that a model may take to start
const BUSY = 12; // seconds that it may be busy or away
const waits = new Set(); // requests that wait for an answer
let clock = null; // shows them once a second

const waited = ({ began }) => (Date.now() - began) / 1000;

/** Whether a request may succeed if it is sent again. */
function mayPass({ code, status }, wait) {
  if (code === NOT_READY && waited(wait) > START) {
    throw new ApiError(status, "The model did not start within five minutes. Try again later, or look at its log.", code);
  }
  if (code === NOT_READY || (status === 0 && wait.code === NOT_READY)) return waited(wait) < START;
  return [429, 503].includes(status) && waited(wait) + PAUSE < BUSY;
}

/** Wait until the next try; rejects when the signal aborts. */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * (seconds || PAUSE));
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** Show that requests wait, and how long the first of them has. */
function showWaits() {
  const long = [...waits].filter((wait) => wait.code || waited(wait) >= QUIET);
  $("waiting").hidden = !long.length;
  if (long.length) {
    trouble("");
    const text = SAYS.find(([code]) => long.some((wait) => wait.code === code))?.[1] ?? WAITING;
    if ($("waiting-text").textContent !== text) $("waiting-text").textContent = text; // else it is read aloud each second
    $("waiting-time").value = Math.max(...long.map(waited));
  }
  if (!waits.size) {
    clearInterval(clock);
    clock = null;
  }
}

/** The answer to one request; asks the user for the API key if it is required. */
export async function predict(request, signal) {
  for (;;) {
    const key = localStorage.getItem(KEY);
    const headers = { "Content-Type": "application/json", ...(key && { "x-api-key": key }) };
    try {
      return await fetchJson("predict", { method: "POST", headers, body: JSON.stringify(request), signal });
    } catch (error) {
      if (error.status !== 401 && error.status !== 403) throw error;
      if (localStorage.getItem(KEY) === key && !(await askForKey(Boolean(key)))) {
        throw new ApiError(error.status, "Without an API key you can't get predictions.");
      }
      signal?.throwIfAborted();
    }
  }
}

/** Offer to forget the key, if there is one. */
export function offerToForget() {
  $("forget").hidden = !localStorage.getItem(KEY);
  $("forget").onclick = () => keep(null);
}

let asking = null; // the one open dialog; all requests wait for it

function askForKey(wrong) {
  asking ??= new Promise((resolve) => {
    const dialog = $("key");
    const reason = wrong ? "This key is not valid." : "Predictions require an API key.";
    $("key-why").textContent = `${reason} Only this browser stores it.`;
    $("key-value").value = "";
    keep(null);
    $("key-cancel").onclick = () => dialog.close();
    dialog.querySelector("form").onsubmit = () => keep($("key-value").value.trim());
    dialog.onclose = () => {
      asking = null;
      resolve(Boolean(localStorage.getItem(KEY)));
    };
    dialog.showModal();
  });
  return asking;
}

function keep(key) {
  if (key) localStorage.setItem(KEY, key);
  else localStorage.removeItem(KEY);
  offerToForget();
}
