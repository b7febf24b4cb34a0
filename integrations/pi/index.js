// @ts-check
/**
 * Plainmind in pi: what matters to a prompt is put before it, in the request only, and what was said is kept.
 *
 * Owns which of pi's events leads to which of mem-hook's. Refuses to know what is kept of an entry. A turn of pi never
 * fails because of it: a failure is told once.
 *
 * @import { ExtensionAPI, ExtensionContext } from "@earendil-works/pi-coding-agent"
 */

import { escaped, ORIGIN } from "./border.js";
import { makeHook } from "./hook.js";

const SOON = 10; // ms
const TRIES = 30;

/**
 * @param {ExtensionAPI} pi
 * @param {{ command?: string[], timeout?: number }} [given]
 */
export default function plainmind(pi, given) {
	const hook = makeHook("pi", given);
	/** @type {string | undefined} resident memory, as it was when the session began or was compacted */
	let always;
	/** @type {{ prompt: string, at?: number, text?: string } | undefined} the turn's prompt, its time, what goes before it */
	let turn;
	/** ids of entries that were there before, or have been kept */
	const kept = new Set();

	pi.registerFlag("no-memory", { type: "boolean", default: false, description: "Leave out resident memory (mem-resident)" });

	pi.on("session_start", (_event, ctx) => {
		for (const { id } of ctx.sessionManager.getEntries()) kept.add(id);
	});

	pi.on("before_agent_start", async ({ prompt, systemPrompt }, ctx) => {
		turn = { prompt };
		if (!pi.getFlag("no-memory")) always ??= await tell(ctx, "SessionStart", { source: "startup" });
		// the same bytes in each turn, and never part of the session
		return { systemPrompt: [systemPrompt, ORIGIN, always].filter(Boolean).join("\n\n") };
	});

	// only the request has the block, and backslashes: what a 'context' handler returns is never part of the session
	pi.on("context", async ({ messages }, ctx) => {
		if (turn && !turn.at) {
			turn.at = messages.findLast(({ role }) => role === "user")?.timestamp;
			const entry = await found(ctx, turn.at);
			const { prompt } = turn;
			if (prompt.trim()) turn.text = await hand(ctx, "UserPromptSubmit", { prompt, prompt_id: entry?.id });
		}
		const { at, text } = turn ?? {};
		return {
			messages: messages.map(escaped).map((message) =>
				text && message.role === "user" && message.timestamp === at
					? { ...message, content: [{ type: "text", text }, ...parts(message.content)] }
					: message,
			),
		};
	});

	pi.on("agent_end", async (_event, ctx) => {
		turn = undefined;
		await hand(ctx, "Stop");
	});
	pi.on("session_compact", async ({ compactionEntry }, ctx) => {
		await hand(ctx, "PostCompact", {}, compactionEntry);
		always = await tell(ctx, "SessionStart", { source: "compact" });
	});
	pi.on("session_shutdown", async (_event, ctx) => {
		if (fresh(ctx).length) await hand(ctx, "Stop");
		if (ctx.sessionManager.getSessionFile()) await tell(ctx, "SessionEnd");
	});

	/**
	 * The entry of the user's message of a time. pi appends it soon after it told of it.
	 * @param {ExtensionContext} ctx
	 * @param {number | undefined} at
	 */
	async function found(ctx, at) {
		for (let tries = 0; at && tries < TRIES; tries++) {
			const entry = ctx.sessionManager.getEntries().findLast((/** @type {any} */ { message }) => message?.role === "user" && message.timestamp === at);
			if (entry) return entry;
			await new Promise((go) => setTimeout(go, SOON));
		}
	}

	/** @param {ExtensionContext} ctx */
	function fresh(ctx) {
		return ctx.sessionManager.getEntries().filter(({ id }) => !kept.has(id));
	}

	/**
	 * Hand over what was said since the last time. A session that pi does not keep is not kept here either.
	 * @param {ExtensionContext} ctx
	 * @param {string} event
	 * @param {object} [more]
	 * @param {any} [newest] an entry that may not be among the session's yet
	 */
	async function hand(ctx, event, more, newest) {
		const header = ctx.sessionManager.getHeader();
		const entries = ctx.sessionManager.getSessionFile() && header ? fresh(ctx) : [];
		if (newest && header && !entries.some(({ id }) => id === newest.id)) entries.push(newest);
		const text = await tell(ctx, event, { ...more, ...(entries.length ? { entries: [header, ...entries] } : {}) });
		if (text !== undefined) for (const { id } of entries) kept.add(id);
		return text;
	}

	/**
	 * @param {ExtensionContext} ctx
	 * @param {string} event
	 * @param {object} [more]
	 */
	function tell(ctx, event, more) {
		const session = ctx.sessionManager;
		const about = {
			hook_event_name: event,
			session_id: session.getSessionId(),
			transcript_path: session.getSessionFile(),
			cwd: ctx.cwd,
		};
		return hook({ ...about, ...more }, (text) => (ctx.hasUI ? ctx.ui.notify(text, "warning") : console.error(text)));
	}
}

/**
 * A message's content as the list of parts that it may be.
 * @param {string | any[] | undefined} content
 */
function parts(content) {
	return typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []);
}
