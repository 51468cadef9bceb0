// SPDX-License-Identifier: MIT
// mcp_client.mjs everything|filesystem COMMAND...: talk to an MCP server, and print as JSON
// how often each request was made, which the server made, and how many failed.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const packages = createRequire(process.env.FNTRACE_PEERS_PACKAGES);
const load = async (name) => import(pathToFileURL(packages.resolve(name)));
const { Client } = await load("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = await load("@modelcontextprotocol/sdk/client/stdio.js");
const { CreateMessageRequestSchema, ListRootsRequestSchema } = await load("@modelcontextprotocol/sdk/types.js");

const [, , kind, command, ...args] = process.argv;
const sent = {}, back = {};
let failed = 0, progress = 0;
const count = (table, name) => (table[name] = (table[name] ?? 0) + 1);

const client = new Client({ name: "peers", version: "1" }, { capabilities: { roots: {}, sampling: {} } });
client.setRequestHandler(ListRootsRequestSchema, () => { count(back, "roots/list"); return { roots: [] }; });
client.setRequestHandler(CreateMessageRequestSchema, () => {
	count(back, "sampling/createMessage");
	return { model: "m", role: "assistant", content: { type: "text", text: "hi" } };
});

const call = async (name, values, options) => {
	count(sent, `tools/call ${name}`);
	try {
		const result = await client.callTool({ name, arguments: values }, undefined, options);
		failed += result.isError ? 1 : 0;
	} catch {
		failed++;
	}
};

await client.connect(new StdioClientTransport({ command, args, env: process.env }));
count(sent, "initialize");
await client.listTools();
count(sent, "tools/list");
if (kind === "everything") {
	for (let i = 0; i < 50; i++)
		await call("echo", { message: `m${i}` });
	await Promise.all([1, 2, 3, 4].map((a) => call("get-sum", { a, b: a })));
	const { resources } = await client.listResources();
	count(sent, "resources/list");
	await client.readResource({ uri: resources[0].uri });
	count(sent, "resources/read");
	await client.getPrompt({ name: "simple-prompt" });
	count(sent, "prompts/get simple-prompt");
	await call("no-such-tool", {});
	await call("trigger-long-running-operation", { duration: 1, steps: 4 }, { onprogress: () => progress++ });
	const abort = new AbortController();
	setTimeout(() => abort.abort("too slow"), 300);
	await call("trigger-long-running-operation", { duration: 20, steps: 5 }, { signal: abort.signal });
	await call("trigger-sampling-request", { prompt: "x", maxTokens: 5 });
} else {
	await call("list_directory", { path: process.cwd() });
	await call("read_text_file", { path: `${process.cwd()}/doc.json` });
	await call("read_text_file", { path: "/not/allowed" });
}
await client.close();
console.log(JSON.stringify({ sent, back, failed, progress }));
