// What every page needs: elements, and the API with its key.
// Addresses are relative, so that the page works behind any prefix.

export const $ = (id) => document.getElementById(id);
const KEY = `api-key ${location.pathname}`;

/** An element with attributes, properties (on…) and children; text is never read as HTML. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made[key] = value;
    else if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

/** Show a sentence above everything else; none takes it away. */
export function trouble(sentence) {
  $("trouble").hidden = !sentence;
  $("trouble").textContent = sentence || "";
}

/** The API refused; the message is for people. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The JSON that an address of the API answers. */
export async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The API does not answer; is the network there?");
  }
  const content = await answer.json().catch(() => ({}));
  if (answer.ok) return content;
  // API Gateway's own errors have a message alone.
  const says = content.error?.message || content.message || `the API answered ${answer.status}`;
  throw new Refused(answer.status, says);
}

/** The answer to one request; asks the user for the API key where one is needed. */
export async function predict(request, signal) {
  for (;;) {
    const key = localStorage.getItem(KEY);
    const headers = { "Content-Type": "application/json", ...(key && { "x-api-key": key }) };
    try {
      return await ask("predict", { method: "POST", headers, body: JSON.stringify(request), signal });
    } catch (error) {
      if (error.status !== 401 && error.status !== 403) throw error;
      if (localStorage.getItem(KEY) === key && !(await askForKey(Boolean(key)))) {
        throw new Refused(error.status, "Without an API key there are no predictions.");
      }
      signal?.throwIfAborted();
    }
  }
}

/** Let the user forget the key, if there is one. */
export function forget() {
  $("forget").hidden = !localStorage.getItem(KEY);
  $("forget").onclick = () => keep(null);
}

let asking = null; // one dialog, however many requests wait for it

function askForKey(wrong) {
  asking ??= new Promise((resolve) => {
    const dialog = $("key");
    const why = wrong ? "This key is not known here." : "Predictions here need an API key.";
    $("key-why").textContent = `${why} It stays in this browser.`;
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
  forget();
}
