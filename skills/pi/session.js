// @ts-check
/**
 * A pi session as events of the log. Pure.
 *
 * Owns what of a session is remembered: what the user and the agent said, and each tool call with its result.
 * Summaries of what was compacted or left are kept as such. Left out are thinking, what extensions put in,
 * commands that '!!' keeps from the model, and blocks that a recall injected.
 *
 * @typedef {{ id: string, timestamp: string, version?: number, cwd: string, parentSession?: string }} Header
 * @typedef {{ id: string, context: string, timestamp: string, content: string }} Summary
 * @typedef {{ id: string, context: string, timestamp: string, role: "user" | "agent" | "tool", content: string, meta?: object }} Event
 */

import { createHash } from "node:crypto";

const LONGEST = 2000; // characters of one argument of a call: a file that was written is in the repository
const BORDER = "INJECTED_CONTEXT_BORDER [0-9a-f]{20}";
// as mem-recall --inject prints it; in a prompt of agent-turn, behind a border
const BLOCK = new RegExp(`^(?:${BORDER}\\n)?INJECTED_CONTEXT_(?:RELEVANT_MEMORIES|KNOWLEDGE)\\n\\{[^\\n]*(?:\\n${BORDER}$)?\\n?`, "gm");

/**
 * The log's context of a session. pi takes any text for an id, the log does not.
 * @param {string} id
 */
export function contextOf(id) {
	const plain = /^[a-z0-9_-]{1,64}$/.test(id);
	return `pi/${plain ? id : createHash("sha256").update(id).digest("hex").slice(0, 32)}`;
}

/**
 * The events of a session, in its order. `lineage` is its header, then those of the sessions it was forked from.
 *
 * A fork's file repeats the entries from before it. They are events of the session they were said in, under
 * the same ids, so that nothing is logged twice.
 * @param {Header[]} lineage
 * @param {any[]} entries
 * @returns {Event[]}
 */
export function events(lineage, entries) {
	/** @type {Map<string, { name: string, arguments: object }>} */
	const calls = new Map();
	const found = [];
	for (const { type, id, timestamp, message } of entries) {
		if (type !== "message" || !message) continue;
		const said = event(message, calls);
		if (said) found.push({ id, context: contextOf(origin(lineage, timestamp).id), timestamp, ...said });
	}
	return found;
}

/**
 * The entries of the branch that ends with the last one; all, when none says what it follows. An entry whose parent
 * is not there belongs to no other branch.
 * @param {any[]} entries
 */
export function current(entries) {
	/** @type {Map<string, string>} */
	const parents = new Map(entries.map(({ id, parentId }) => [id, parentId || ""]));
	/** @param {string} id the first of its ancestors, itself among them, whose parent is in `stop`, or not there */
	const top = (id, stop = new Set()) => {
		const seen = new Set();
		for (let parent = parents.get(id); parent !== undefined && parents.has(parent) && !stop.has(parent) && !seen.has(id); parent = parents.get(id)) {
			seen.add(id);
			id = parent;
		}
		return { id, path: seen.add(id) };
	};
	if (![...parents.values()].some(Boolean)) return entries;
	const { id: root, path } = top(entries[entries.length - 1].id);
	return entries.filter(({ id }) => {
		const parent = parents.get(top(id, path).id);
		return path.has(id) || !(path.has(parent) || parent === parents.get(root));
	});
}

/**
 * The summaries that pi made of parts of a session.
 * @param {Header[]} lineage
 * @param {any[]} entries
 * @returns {Summary[]}
 */
export function summaries(lineage, entries) {
	return entries
		.filter(({ type, summary }) => (type === "compaction" || type === "branch_summary") && typeof summary === "string" && summary.trim())
		.map(({ id, timestamp, summary }) => ({ id, context: contextOf(origin(lineage, timestamp).id), timestamp, content: summary }));
}

/**
 * The header of the session that something was said in.
 * @param {Header[]} lineage
 * @param {string} timestamp
 */
function origin(lineage, timestamp) {
	return lineage.find((header) => header.timestamp <= timestamp) ?? lineage[lineage.length - 1];
}

/**
 * Role, content and meta of a message, undefined when it is not to be remembered. Notes its calls in `calls`.
 * @param {any} message
 * @param {Map<string, { name: string, arguments: object }>} calls
 * @returns {Pick<Event, "role" | "content" | "meta"> | undefined}
 */
function event(message, calls) {
	const content = text(message.content);
	switch (message.role) {
		case "user":
			return content ? { role: "user", content } : undefined;
		case "assistant":
			for (const part of parts(message.content)) if (part.type === "toolCall") calls.set(part.id, part);
			return content ? { role: "agent", content, meta: { model: `${message.provider}:${message.model}` } } : undefined;
		case "toolResult": {
			const meta = { name: message.toolName, call: message.toolCallId, args: clipped(calls.get(message.toolCallId)?.arguments ?? {}) };
			return { role: "tool", content, meta: message.isError ? { ...meta, error: true } : meta };
		}
		case "bashExecution": {
			if (message.excludeFromContext) return undefined;
			const meta = { name: "bash", by: "user", args: clipped({ command: message.command }), exit: message.exitCode ?? null };
			return { role: "tool", content: text(message.output), meta };
		}
	}
}

/**
 * The text of a message's content, without what a recall injected.
 * @param {string | any[] | undefined} content
 */
function text(content) {
	const texts = parts(content).filter(({ type }) => type === "text");
	return texts.map((part) => part.text).join("\n").replace(BLOCK, "");
}

/**
 * A message's content as the list of parts that it may be.
 * @param {string | any[] | undefined} content
 */
export function parts(content) {
	return typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []);
}

/**
 * Arguments with long texts cut.
 * @param {object} args
 */
function clipped(args) {
	const cut = (/** @type {string} */ _key, /** @type {unknown} */ value) =>
		typeof value === "string" && value.length > LONGEST ? `${value.slice(0, LONGEST)}… (${value.length} characters)` : value;
	return JSON.parse(JSON.stringify(args, cut));
}
