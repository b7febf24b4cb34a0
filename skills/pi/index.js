// @ts-check
/**
 * Plainmind in pi: what matters to a prompt is recalled before the agent starts, and what was said is logged.
 *
 * Owns which of pi's events leads to what. Knows neither how a session is read (session.js, files.js) nor how a
 * command is run (commands.js). A turn of pi never fails because of it: a failure is told once.
 *
 * @import { ExtensionAPI, ExtensionContext } from "@earendil-works/pi-coding-agent"
 */

import { existsSync } from "node:fs";
import { enclose, escaped, ORIGIN } from "./border.js";
import { append, archive, keepSummaries, notice, recall, resident, startWindow } from "./commands.js";
import { currentWindow, lineage, readSession, sessionsOfRepository } from "./files.js";
import { contextOf, events, parts, summaries } from "./session.js";

/** @param {ExtensionAPI} pi */
export default function plainmind(pi) {
	/** @type {{ text: string, at?: number } | undefined} what was recalled, and the time of the message it belongs to */
	let recalled;
	/** ids of what is in the log already: sending it again would only cost time */
	const logged = new Set();
	/** commands whose failure was told */
	const told = new Set();

	pi.registerFlag("no-memory", { type: "boolean", default: false, description: "Leave out resident memory (mem-resident)" });

	pi.on("before_agent_start", async ({ prompt, systemPrompt }, ctx) => {
		recalled = undefined;
		const context = contextOf(ctx.sessionManager.getSessionId());
		const [always, block, due] = await Promise.all([
			pi.getFlag("no-memory") ? "" : attempt(ctx, "mem-resident", () => resident(ctx.cwd, context)),
			prompt.trim() ? attempt(ctx, "mem-recall", () => recall(prompt, currentWindow(context))) : "",
			prompt.trim() ? notice() : "",
		]);
		if (block) recalled = { text: enclose(block) };
		// the same bytes until somebody edits the memory, or an audit is due, and never part of the session
		return { systemPrompt: [systemPrompt, ORIGIN, always, due].filter(Boolean).join("\n\n") };
	});

	// only the request has the block, and backslashes: what a 'context' handler returns is never part of the session
	pi.on("context", ({ messages }) => {
		const safe = messages.map(escaped);
		if (!recalled) return { messages: safe };
		recalled.at ??= messages.findLast((message) => message.role === "user")?.timestamp;
		const { text, at } = recalled;
		return {
			messages: safe.map((message) =>
				message.role === "user" && message.timestamp === at ? { ...message, content: [{ type: "text", text }, ...parts(message.content)] } : message,
			),
		};
	});

	pi.on("agent_end", (_event, ctx) => remember(ctx));
	pi.on("session_shutdown", async (_event, ctx) => {
		await remember(ctx);
		const path = ctx.sessionManager.getSessionFile();
		if (path && existsSync(path)) await attempt(ctx, "mem-import", () => archive(ctx.cwd, path));
	});

	// what was compacted away is no longer in the conversation: in an ended window, it can be recalled
	pi.on("session_compact", async ({ compactionEntry }, ctx) => {
		if (!ctx.sessionManager.getSessionFile()) return;
		const context = contextOf(ctx.sessionManager.getSessionId());
		await remember(ctx, compactionEntry);
		await attempt(ctx, "mem-new", () => startWindow(context));
	});

	pi.registerCommand("mem-import", {
		description: "Bring earlier pi sessions of this repository into memory",
		handler: async (_arguments, ctx) => {
			let sessions = 0;
			let added = 0;
			for (const path of sessionsOfRepository(ctx.cwd, ctx.sessionManager.getSessionDir())) {
				let session;
				try {
					session = readSession(path);
				} catch (error) {
					tell(ctx, `plainmind: ${path}: ${reason(error)}`, "warning");
					continue;
				}
				try {
					added += await append(session.events);
					await keepSummaries(session.summaries);
					sessions++;
				} catch (error) {
					return tell(ctx, `plainmind: ${reason(error)}`, "warning"); // it would be the same for the others
				}
			}
			tell(ctx, `sessions: ${sessions}, new events: ${added}`, "info");
		},
	});

	/**
	 * Log what was said since the last time, and keep what was summarised. A session that pi does not keep is not
	 * kept here either.
	 * @param {ExtensionContext} ctx
	 * @param {any} [newest] an entry that may not be among the session's yet
	 */
	async function remember(ctx, newest) {
		const header = ctx.sessionManager.getHeader();
		if (!ctx.sessionManager.getSessionFile() || !header) return;
		const headers = lineage(header);
		const entries = ctx.sessionManager.getEntries();
		await attempt(ctx, "mem-append", () => once(events(headers, entries), append));
		await attempt(ctx, "mem-note", () => once(summaries(headers, newest ? [...entries, newest] : entries), keepSummaries));
	}

	/**
	 * Hand on what was not handed on yet.
	 * @template {{ id: string }} T
	 * @param {T[]} found
	 * @param {(fresh: T[]) => Promise<unknown>} hand
	 */
	async function once(found, hand) {
		const fresh = found.filter(({ id }) => !logged.has(id));
		await hand(fresh);
		for (const { id } of fresh) logged.add(id);
	}

	/**
	 * What `work` gives, or undefined after telling, once a command, why it failed.
	 * @template T
	 * @param {ExtensionContext} ctx
	 * @param {string} command
	 * @param {() => Promise<T>} work
	 * @returns {Promise<T | undefined>}
	 */
	async function attempt(ctx, command, work) {
		try {
			return await work();
		} catch (error) {
			if (!told.has(command)) tell(ctx, `plainmind: ${reason(error)}`, "warning");
			told.add(command);
		}
	}
}

/**
 * @param {ExtensionContext} ctx
 * @param {string} text
 * @param {"info" | "warning"} kind
 */
function tell(ctx, text, kind) {
	if (ctx.hasUI) ctx.ui.notify(text, kind);
	else console.error(text);
}

/** @param {unknown} error */
function reason(error) {
	return error instanceof Error ? error.message : String(error);
}
