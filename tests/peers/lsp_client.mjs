// SPDX-License-Identifier: MIT
// lsp_client.mjs typescript|python|json COMMAND...: talk to a language server about a document
// in the working directory, and print as JSON how often each request was made, which the
// server made, how many failed, and the server's exit status.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const packages = createRequire(process.env.FNTRACE_PEERS_PACKAGES);
const rpc = packages("vscode-jsonrpc/node");
const documents = {
	typescript: ["doc.ts", "const answer: number = 42;\nfunction f(a: string) { return a.length; }\nf('x');\n"],
	python: ["doc.py", "def f(a: str) -> int:\n    return len(a)\n\nf('x')\n"],
	json: ["doc.json", '{"a": {"b": [1, 2, {"c": null}]}}\n'],
};

const [, , language, command, ...args] = process.argv;
const [file, text] = documents[language];
writeFileSync(file, text);
const uri = pathToFileURL(file).href;
const server = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
const connection = rpc.createMessageConnection(new rpc.StreamMessageReader(server.stdout), new rpc.StreamMessageWriter(server.stdin));
const sent = {}, back = {};
let failed = 0;
const count = (table, name) => (table[name] = (table[name] ?? 0) + 1);
const ask = (method, ...params) => {
	count(sent, method);
	return connection.sendRequest(method, ...params).catch(() => failed++);
};

connection.onRequest((method, params) => {
	count(back, method);
	return method === "workspace/configuration" ? params.items.map(() => ({})) : null;
});
connection.onUnhandledNotification(() => {});
connection.listen();
await ask("initialize", {
	processId: process.pid,
	rootUri: pathToFileURL(process.cwd()).href,
	capabilities: { window: { workDoneProgress: true }, workspace: { configuration: true } },
	initializationOptions: { tsserver: { path: process.env.TSSERVER } },
});
await connection.sendNotification("initialized", {});
await connection.sendNotification("textDocument/didOpen", { textDocument: { uri, languageId: language, version: 1, text } });
const document = { textDocument: { uri } };
for (let i = 0; i < 20; i++)
	await ask("textDocument/documentSymbol", document);
await ask("textDocument/hover", { ...document, position: { line: 0, character: 7 } });
await ask("textDocument/completion", { ...document, position: { line: 1, character: 0 } });
const cancel = new rpc.CancellationTokenSource();
const cancelled = ask("textDocument/documentSymbol", document, cancel.token);
cancel.cancel();
await cancelled;
await ask("no/suchMethod", {});
await ask("shutdown");
await connection.sendNotification("exit");
server.on("exit", (code) => {
	console.log(JSON.stringify({ sent, back, failed, code }));
	process.exit(0);
});
