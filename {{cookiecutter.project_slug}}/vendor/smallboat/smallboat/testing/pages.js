// The body of a function that pages.py runs in a page; it returns the page's faults.
const faults = [];
const shown = (node) => node.checkVisibility() && !node.closest(".unseen, script, style, option, :disabled");
const called = (node) => `${node.tagName.toLowerCase()} "${(node.textContent || node.id).trim().slice(0, 30)}"`;
const root = document.documentElement;
const screen = root.clientWidth; // innerWidth grows with a page that is too wide
if (root.scrollWidth > screen) faults.push(`the page is ${root.scrollWidth} px wide on ${screen} px`);

const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const parsed = (text) => {
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = text;
  pixel.fillRect(0, 0, 1, 1);
  return [...pixel.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
};
const over = ([r, g, b, a], under) => [r, g, b].map((value, at) => value * a + under[at] * (1 - a));
const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const behind = (node) => (node ? over(parsed(getComputedStyle(node).backgroundColor), behind(node.parentElement)) : dark ? [0, 0, 0] : [1, 1, 1]);
if (luminance(behind(document.body)) < 0.5 !== dark) faults.push("the page ignores the scheme of colours");
const faded = (node) => (node ? getComputedStyle(node).opacity * faded(node.parentElement) : 1);
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const node = texts.currentNode.parentElement;
  if (!texts.currentNode.data.trim() || !shown(node) || node.closest("[aria-busy], [data-waits]")) continue;
  const style = getComputedStyle(node);
  const drawing = node.closest("svg");
  const [r, g, b, a] = parsed(drawing ? style.fill : style.color);
  const under = behind(node);
  const [low, high] = [luminance(over([r, g, b, a * faded(node)], under)), luminance(under)].sort((one, other) => one - other);
  const contrast = (high + 0.05) / (low + 0.05);
  if (contrast < 4.5) faults.push(`${called(node)} has a contrast of ${contrast.toFixed(2)}`);
  const size = parseFloat(style.fontSize) * (drawing ? drawing.getScreenCTM().a : 1);
  if (size < 8) faults.push(`${called(node)} is ${size.toFixed(1)} px high`);
  if (drawing && getComputedStyle(drawing).overflow !== "visible") {
    const [box, whole] = [node, drawing].map((each) => each.getBoundingClientRect());
    if (box.left < whole.left - 1 || box.right > whole.right + 1) faults.push(`${called(node)} is cut at the edge of its drawing`);
  }
}

for (const node of document.querySelectorAll("a, button, select, input, summary")) {
  const { height } = (node.closest("label") ?? node).getBoundingClientRect();
  if (shown(node) && height < 43.9) faults.push(`${called(node)} is ${height.toFixed(0)} px high: a finger needs 44`);
}

const scrolls = (node) => /auto|scroll/.test(getComputedStyle(node).overflowX);
const inside = (node) => node && (scrolls(node) ? node : inside(node.parentElement));
for (const node of document.querySelectorAll("main *")) {
  if (scrolls(node) && node.scrollWidth > node.clientWidth + 1 && !/local/.test(getComputedStyle(node).backgroundAttachment))
    faults.push(`${called(node)} scrolls sideways without a hint`);
  if (shown(node) && !node.closest("svg, caption") && node.getBoundingClientRect().right > screen + 0.5 && !inside(node))
    faults.push(`${called(node)} is cut at the edge of the screen`);
}
for (const node of document.querySelectorAll("section :is(table, p, dl, ul, ol, figure)")) {
  const box = node.closest("section").getBoundingClientRect();
  if (shown(node) && !inside(node) && node.getBoundingClientRect().right > box.right) faults.push(`${called(node)} leaves its section`);
}
return [...new Set(faults)];
