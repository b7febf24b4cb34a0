/**
 * A pi that is none: loads the extension named by the first argument and hands it what it is told.
 *
 * Each line on standard input is {events, session, cwd, ui}; each line on standard output {results, told}.
 * Events of one line are sent without waiting for each other, as pi may do.
 */

import { createInterface } from "node:readline";

const { default: extension } = await import(process.argv[2]);
const handlers = {};
extension({
	on: (name, handler) => (handlers[name] = handler),
	registerFlag: () => {},
	getFlag: (name) => process.env.FLAGS?.split(",").includes(name) ?? false,
}, { timeout: Number(process.env.LONGEST ?? 60) });

for await (const line of createInterface({ input: process.stdin })) {
	const { events = [], session, cwd, ui } = JSON.parse(line);
	const told = [];
	const ctx = {
		cwd,
		hasUI: ui,
		ui: { notify: (text, kind) => told.push(`${kind}: ${text}`) },
		sessionManager: {
			getSessionId: () => session.header.id,
			getHeader: () => session.header,
			getEntries: () => session.entries,
			getSessionFile: () => session.file ?? undefined,
		},
	};
	const results = await Promise.all(events.map((event) => handlers[event.type](event, ctx)));
	console.log(JSON.stringify({ results: results.map((result) => result ?? null), told }));
}
