// Checks Kusto queries with Microsoft's language service: @kusto/language-service-next, what Azure Data Explorer's editor uses.
// Reads {"installed": <directory>, "tables": {<name>: "(<column>: <type>, …)"}, "queries": {<name>: <text>}} from standard input
// and writes {<name>: {"faults": [<message>, …], "columns": {<name>: <type>, …}}}.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const asked = JSON.parse(fs.readFileSync(0, "utf8"));
const library = path.join(asked.installed, "node_modules", "@kusto", "language-service-next");
for (const file of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
  // Scripts of the C# compiler Bridge.NET, made for a browser: they share the global object.
  vm.runInThisContext(fs.readFileSync(path.join(library, file), "utf8"), { filename: file });
}
const { Kusto, Bridge } = globalThis;
const { TableSymbol, DatabaseSymbol } = Kusto.Language.Symbols;
const list = (items) => Array.from({ length: items.Count }, (_, index) => items.getItem(index));

const tables = Object.entries(asked.tables).map(([name, schema]) => new TableSymbol.$ctor7(name, schema, null));
const globals = Kusto.Language.GlobalState.Default.WithDatabase(new DatabaseSymbol.ctor("workspace", tables));
const told = {};
for (const [name, text] of Object.entries(asked.queries)) {
  const code = Kusto.Language.KustoCode.ParseAndAnalyze(text, globals);
  const faults = list(code.GetDiagnostics()).map(
    (one) => `line ${text.slice(0, one.Start).split("\n").length}: ${one.Severity}: ${one.Message}`,
  );
  const columns = code.ResultType?.Columns ? list(code.ResultType.Columns) : [];
  told[name] = { faults, columns: Object.fromEntries(columns.map((one) => [one.Name, one.Type.Name])) };
}
process.stdout.write(JSON.stringify(told));
