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
    answer = await fetch(path, withSecret(path, options));
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
