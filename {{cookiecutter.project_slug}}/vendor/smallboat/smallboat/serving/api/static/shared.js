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

/** An error of the API; its message is for people. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The JSON that the API returns for a path. */
export async function fetchJson(path, options) {
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
  throw new ApiError(answer.status, message);
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
