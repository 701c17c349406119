// Refuses every address but this machine's, in Node processes that require this first.
const net = require("node:net");
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...words) {
  const [first] = Array.isArray(words[0]) ? words[0] : words;
  const host = typeof first === "object" ? (first.path ? "localhost" : first.host) : words[1];
  if (host !== undefined && !["localhost", "127.0.0.1", "::1"].includes(host)) {
    throw new Error(`the guard refuses ${host}`);
  }
  return connect.apply(this, words);
};
