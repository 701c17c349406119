// For every page: elements, and the API with its key or token.
// Paths are relative, so the page works behind any prefix.

export const $ = (id) => document.getElementById(id);
const { auth, facts } = document.documentElement.dataset;
const STORED = `api-key ${location.pathname}`; // in sessionStorage: the tab forgets it when it is closed
localStorage.removeItem(STORED); // an older page kept it there

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
  const said = message === UNSIGNED && !$("unsigned").hidden; // the page says it already
  $("trouble").hidden = !message || said;
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
  const wait = { began: Date.now(), code: "", tries: 0 };
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
    answer = await fetch(path, withSecret(path, options));
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
const TRIES = 3; // of a request to a model that is busy or away
const waits = new Set(); // requests that wait for an answer
let clock = null; // shows them once a second

const waited = ({ began }) => (Date.now() - began) / 1000;

/** Whether a request may succeed if it is sent again. */
function mayPass({ code, status }, wait) {
  if (code === NOT_READY && waited(wait) > START) {
    throw new ApiError(status, "The model did not start within five minutes. Try again later, or look at its log.", code);
  }
  if (code === NOT_READY || (status === 0 && wait.code === NOT_READY)) return waited(wait) < START;
  return [429, 503].includes(status) && ++wait.tries < TRIES;
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

const SAYS_WHO = auth === "jwt"
  ? { name: "ID token", header: "Authorization", requires: "an ID token of the user pool", wrong: "This token is not valid, or has expired." }
  : { name: "API key", header: "x-api-key", requires: "an API key", wrong: "This key is not valid." };
const UNSIGNED = "This API answers requests that are signed with AWS credentials (Signature Version 4 for execute-api). A browser can't sign them: run `make predict`, or use a client of AWS that can.";
const secret = () => sessionStorage.getItem(STORED);
const isPrivate = (path) => path === "predict" || facts === "private";

/** A request's options, with the key or token if the path requires it and the user gave it. */
function withSecret(path, options) {
  if (!secret() || !isPrivate(path)) return options;
  return { ...options, headers: { ...options?.headers, [SAYS_WHO.header]: secret() } };
}

/** The JSON that the API returns for a path; asks the user for the key or token if it is required. */
export async function ask(path, options) {
  for (;;) {
    const used = secret();
    try {
      return await fetchJson(path, options);
    } catch (error) {
      if (!isPrivate(path) || (error.status !== 401 && error.status !== 403)) throw error;
      if (auth === "iam") throw new ApiError(error.status, UNSIGNED);
      if (secret() === used && !(await askForSecret(Boolean(used)))) {
        throw new ApiError(error.status, `Without ${SAYS_WHO.requires} you can't get ${path === "predict" ? "predictions" : "this page's data"}.`);
      }
      options?.signal?.throwIfAborted();
    }
  }
}

/** The answer to one request. */
export function predict(request, signal) {
  const headers = { "Content-Type": "application/json" };
  return ask("predict", { method: "POST", headers, body: JSON.stringify(request), signal });
}

/** Offer to forget the key or token, if there is one; say who can ask if a browser can't. */
export function offerToForget() {
  $("forget").textContent = `Forget the ${SAYS_WHO.name}`;
  $("forget").hidden = !secret();
  $("forget").onclick = () => keep(null);
  $("unsigned").textContent = UNSIGNED;
  $("unsigned").hidden = auth !== "iam";
}

let asking = null; // the one open dialog; all requests wait for it

function askForSecret(wrong) {
  asking ??= new Promise((resolve) => {
    const dialog = $("key");
    const what = facts === "private" ? "This page requires" : "Predictions require";
    const reason = wrong ? SAYS_WHO.wrong : `${what} ${SAYS_WHO.requires}.`;
    $("key-title").textContent = $("key-name").textContent = SAYS_WHO.name;
    $("key-why").textContent = `${reason} This tab forgets it when it is closed.`;
    $("key-value").value = "";
    keep(null);
    $("key-cancel").onclick = () => dialog.close();
    dialog.querySelector("form").onsubmit = () => keep($("key-value").value.trim());
    dialog.onclose = () => {
      asking = null;
      resolve(Boolean(secret()));
    };
    dialog.showModal();
  });
  return asking;
}

function keep(text) {
  if (text) sessionStorage.setItem(STORED, text);
  else sessionStorage.removeItem(STORED);
  offerToForget();
}
