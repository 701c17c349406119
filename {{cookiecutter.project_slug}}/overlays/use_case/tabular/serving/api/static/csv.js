// A CSV file in the browser: its rows are predicted in pieces, shown, and saved as CSV.
import { number, percent } from "./answer.js";
import { element, predict } from "./shared.js";

const PIECE = 1000; // rows in a request
const SHOWN = 20; // rows on the page

/** The section in which a file is chosen. */
export function upload(page) {
  const told = element("p", { id: "file-told", class: "muted", "aria-live": "polite" }, "The file needs the columns above; others are kept as they are. For large files: make score.");
  const result = element("div", { id: "file-result" });
  const input = element("input", { id: "file", type: "file", accept: ".csv,text/csv", onchange: () => input.files[0] && run(page, input.files[0], told, result) });
  return element("section", { "aria-labelledby": "file-title" },
    element("h2", { id: "file-title" }, "A file of rows"), element("label", {}, "CSV file", input), told, result);
}

async function run(page, file, told, result) {
  result.replaceChildren();
  try {
    const [names, ...rows] = parse(await file.text());
    const missing = page.columns.filter(({ name }) => !names?.includes(name)).map(({ name }) => name);
    if (missing.length) throw new Error(`The file lacks the column ${missing.join(", ")}.`);
    const answers = [];
    for (let at = 0; at < rows.length; at += PIECE) {
      told.textContent = `${at.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
      const request = { rows: rows.slice(at, at + PIECE).map((row) => values(page, names, row)) };
      answers.push(...(await predict(request)).predictions);
    }
    told.textContent = `${rows.length.toLocaleString("en")} rows predicted`;
    result.append(save(file.name, names, rows, answers), table(page, names, rows, answers));
  } catch (error) {
    told.textContent = "";
    result.append(element("p", { class: "note bad", role: "alert" }, error.message));
  }
}

/** A row's cells as a request has them; a wrong one stays text, which the API refuses by name. */
function values(page, names, row) {
  const made = {};
  for (const { name, type } of page.columns) {
    const cell = row[names.indexOf(name)].trim();
    const word = cell.toLowerCase();
    if (cell === "" || (type !== "category" && page.csv.nulls.includes(word))) continue;
    if (type === "number") made[name] = numeric(cell, page.csv);
    else if (type === "flag") made[name] = page.csv.flags[word] ?? cell;
    else made[name] = cell;
  }
  return made;
}

/** A cell as a number, as training reads it; another text stays text. */
function numeric(cell, { decimal, mark, grouped }) {
  if (cell.includes(mark) && !new RegExp(`^(?:${grouped})$`).test(cell)) return cell;
  const value = Number(cell.replaceAll(mark, "").replace(decimal, "."));
  return Number.isNaN(value) ? cell : value;
}

/** The cells of a CSV text, by row; the separator is the most frequent one of the first line. */
export function parse(text) {
  const body = text.replace(/^\ufeff/, "");
  const first = body.slice(0, body.indexOf("\n") + 1 || undefined);
  const separator = [",", ";", "\t", "|"].reduce((one, other) => (first.split(other).length > first.split(one).length ? other : one));
  const rows = [];
  let row = [];
  let cell = "";
  let quoted = false;
  const end = () => {
    row.push(cell);
    cell = "";
  };
  for (let at = 0; at < body.length; at++) {
    const char = body[at];
    if (quoted && char === '"' && body[at + 1] === '"') cell += body[++at];
    else if (char === '"') quoted = !quoted;
    else if (!quoted && char === separator) end();
    else if (!quoted && (char === "\n" || char === "\r")) {
      if (char === "\r" && body[at + 1] === "\n") at++;
      end();
      if (row.length > 1 || row[0] !== "") rows.push(row);
      row = [];
    } else cell += char;
  }
  if (cell || row.length) {
    end();
    rows.push(row);
  }
  const torn = rows.findIndex((each) => each.length !== rows[0].length);
  if (torn > 0) throw new Error(`Row ${torn + 1} has ${rows[torn].length} values, the header has ${rows[0].length}.`);
  return rows;
}

const flat = (prediction) => {
  const { probabilities, threshold: _, ...rest } = prediction;
  const chances = Object.entries(probabilities ?? {}).map(([name, share]) => [`probability of ${name}`, share]);
  return { ...rest, ...Object.fromEntries(chances) };
};

function table(page, names, rows, answers) {
  const added = Object.keys(flat(answers[0] ?? {}));
  const head = [...added, ...names].map((name) => element("th", { scope: "col" }, name));
  const text = (value) => (typeof value !== "number" ? value : page.kind === "regression" ? number(value) : percent(value));
  const body = rows.slice(0, SHOWN).map((row, at) => {
    const found = flat(answers[at]);
    return element("tr", {}, ...added.map((name) => element("td", {}, element("b", {}, text(found[name])))), ...row.map((cell) => element("td", {}, cell)));
  });
  const more = rows.length > SHOWN ? [element("caption", {}, `The first ${SHOWN} rows; the saved file has all.`)] : [];
  return element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Predicted rows" },
    element("table", {}, ...more, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)));
}

function save(name, names, rows, answers) {
  const quote = (cell) => (/[",\n\r]/.test(cell) ? `"${String(cell).replaceAll('"', '""')}"` : cell);
  const added = Object.keys(flat(answers[0] ?? {}));
  const lines = rows.map((row, at) => [...row, ...added.map((each) => flat(answers[at])[each])]);
  const text = [[...names, ...added], ...lines].map((line) => line.map(quote).join(",")).join("\n");
  const url = URL.createObjectURL(new Blob([text, "\n"], { type: "text/csv" }));
  return element("p", {}, element("a", { id: "file-save", href: url, download: name.replace(/(\.csv)?$/i, ".predicted.csv") }, "Save with predictions"));
}
