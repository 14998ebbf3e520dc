// Which process holds the queues and tables of the local stack? This one: Azurite's own two servers, without its blob
// server, argument parser and telemetry (measured: serves after 0.4 s instead of 1.1 s). Takes one JSON object as its only argument,
// prints one JSON line when both listen, ends when its standard input closes.
"use strict";
const { createRequire } = require("node:module");
const { join } = require("node:path");

const options = JSON.parse(process.argv[2]);
const load = (name) => {
  const module = createRequire(join(options.installed, "package.json"))(`azurite/dist/src/${name}`);
  return module.default ?? module;
};
// Tokens are taken over TLS alone; "basic" reads their claims and not their signature.
const tls = options.cert ? [options.cert, options.key, "", "basic"] : ["", "", "", undefined];
const at = (file) => join(options.location ?? "", file);

function queueServer() {
  const [Server, Configuration] = [load("queue/QueueServer"), load("queue/QueueConfiguration")];
  const extents = [{ locationId: "Default", locationPath: at("queues"), maxConcurrency: 10 }];
  const accessLog = false, debugLog = false, loose = false, skipApiVersionCheck = true;
  return new Server(
    new Configuration(
      "127.0.0.1", options.queuePort, 0, at("queue.json"), at("extents.json"), extents, accessLog, undefined, debugLog,
      undefined, loose, skipApiVersionCheck, ...tls, false, options.location === null,
    ),
  );
}

function tableServer() {
  const [Server, Configuration] = [load("table/TableServer"), load("table/TableConfiguration")];
  const accessLog = false, debugLog = false, loose = false, skipApiVersionCheck = true;
  return new Server(
    new Configuration(
      "127.0.0.1", options.tablePort, 0, at("table.json"), debugLog, accessLog, undefined, undefined, loose,
      skipApiVersionCheck, ...tls, false, options.location === null,
    ),
  );
}

async function main() {
  console.log = console.error; // standard output carries the one line below
  const servers = [queueServer(), tableServer()];
  const end = async () => {
    await Promise.all(servers.map((server) => server.close()));
    process.exit(0);
  };
  await Promise.all(servers.map((server) => server.start()));
  process.once("SIGTERM", end).once("SIGINT", end);
  process.stdin.on("end", end).on("error", end).resume();
  const [queuePort, tablePort] = servers.map((server) => server.httpServer.address().port);
  process.stdout.write(JSON.stringify({ queuePort, tablePort }) + "\n");
}

main().catch((fault) => {
  console.error(fault.message);
  process.exit(1);
});
