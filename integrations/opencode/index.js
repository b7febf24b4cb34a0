// @ts-check
/**
 * Plainmind in opencode: what matters to a prompt is put before it, in the request only, and what was said is kept.
 *
 * Owns which of opencode's events leads to which of mem-hook's. Refuses to know what is kept of a message. A turn never
 * fails because of it: a failure is told once, in opencode's log.
 *
 * @import { PluginInput, Hooks } from "@opencode-ai/plugin"
 */

import { escape } from "../pi/border.js";
import { makeHook } from "../pi/hook.js";

/** ms to wait at most, once a session, for opencode to ask for its title */
const TITLE = 1000;

/**
 * @param {PluginInput} input
 * @param {{ command?: string[], timeout?: number }} [given]
 * @returns {Promise<Hooks>}
 */
export default async function plainmind({ client, directory }, given) {
	const hook = makeHook("opencode", given, (message) => void client.app.log({ body: { service: "plainmind", level: "warn", message } }).catch(() => {}));
	/** since: the first message that was not kept
	 * @type {Map<string, { always?: string, at?: string, text?: string, quiet?: boolean, since?: string, child: boolean }>} */
	const sessions = new Map();
	/** @type {Map<string, { asked: Promise<void>, tell: () => void }>} */
	const titles = new Map();

	/** @param {string} id */
	function titleOf(id) {
		let title = titles.get(id);
		if (!title) {
			let tell = () => {};
			const asked = /** @type {Promise<void>} */ (new Promise((go) => (tell = go)));
			titles.set(id, (title = { asked, tell }));
		}
		return title;
	}

	/** @param {string} id */
	async function sessionOf(id) {
		let session = sessions.get(id);
		if (!session) {
			const { data } = await client.session.get({ path: { id } }).catch(() => ({ data: undefined }));
			session = { child: Boolean(data?.parentID) };
			sessions.set(id, session);
		}
		return session;
	}

	/**
	 * @param {string} id
	 * @param {string} event
	 * @param {object} [more]
	 */
	function tell(id, event, more) {
		return hook({ hook_event_name: event, session_id: id, cwd: directory, ...more });
	}

	/**
	 * Hand over the messages since the user's last one, and those before it that could not be kept.
	 * @param {string} id
	 * @param {string} event
	 */
	async function hand(id, event) {
		const { data } = await client.session.messages({ path: { id } }).catch(() => ({ data: undefined }));
		const messages = data ?? [];
		const last = messages.findLastIndex(({ info, parts }) => info.role === "user" && parts.some((part) => part.type === "text" && !part.synthetic));
		const session = await sessionOf(id);
		session.since ??= messages[Math.max(last, 0)]?.info.id;
		const entries = messages.slice(Math.max(messages.findIndex(({ info }) => info.id === session.since), 0));
		if (entries.length && (await tell(id, event, { entries })) !== undefined) session.since = undefined;
	}

	return {
		"chat.message": async (_input, { message, parts }) => {
			const session = await sessionOf(message.sessionID);
			const prompt = parts.flatMap((part) => (part.type === "text" && !part.synthetic && !part.ignored ? [part.text] : [])).join("\n");
			if (session.child || !prompt.trim()) return;
			session.at = message.id;
			session.always ??= await tell(message.sessionID, "SessionStart", { source: "startup" });
			session.text = await tell(message.sessionID, "UserPromptSubmit", { prompt, prompt_id: message.id, entries: [{ info: message, parts }] });
		},

		// a request for a title has its messages by now
		"chat.params": async ({ sessionID, agent }) => {
			if ((/** @type {any} */ (agent).name ?? agent) === "title") titleOf(sessionID).tell();
		},

		// what stands in the list goes into the request, and is not stored; the messages themselves are also elsewhere.
		// The one who asks for a title, beside the first request, takes the first of them from the same list
		"experimental.chat.messages.transform": async (_input, { messages }) => {
			if (messages.filter(({ info }) => info.role === "user").length === 1) {
				const title = titleOf(messages[0].info.sessionID);
				setTimeout(title.tell, TITLE); // there may be one already
				await title.asked;
			}
			const session = sessions.get(messages[0]?.info.sessionID);
			const told = session && !session.child && !session.quiet;
			const first = messages.findIndex(({ info }) => info.role === "user");
			messages.forEach((message, n) => {
				const own = told && message.info.id === session.at ? session.text : "";
				const before = [told && n === first ? session.always : "", own].filter(Boolean);
				messages[n] = { ...message, parts: [...before.map((text, m) => makePart(message.info, m, text)), ...message.parts.map((part) => escaped(part, message.info.role))] };
			});
		},

		// the summary is of what was said
		"experimental.session.compacting": async ({ sessionID }) => {
			(await sessionOf(sessionID)).quiet = true;
		},

		event: async ({ event }) => {
			if (event.type === "session.idle") {
				const id = event.properties.sessionID;
				const session = await sessionOf(id);
				session.quiet = false;
				if (!session.child) await hand(id, "Stop");
			} else if (event.type === "session.compacted") {
				const id = event.properties.sessionID;
				const session = await sessionOf(id);
				session.quiet = false;
				if (session.child) return;
				await hand(id, "PostCompact");
				session.always = await tell(id, "SessionStart", { source: "compact" });
			} else if (event.type === "session.deleted") {
				sessions.delete(event.properties.info.id);
				titles.delete(event.properties.info.id);
			}
		},
	};
}

/**
 * A part of a request that says a text.
 * @param {{ id: string, sessionID: string }} message
 * @param {number} number
 * @param {string} text
 * @returns {import("@opencode-ai/sdk").TextPart}
 */
function makePart({ id, sessionID }, number, text) {
	return { id: `prt_0plainmind${number}`, messageID: id, sessionID, type: "text", text, synthetic: true };
}

/**
 * A part with what somebody else wrote into it escaped; what the model said stays as it is.
 * @param {import("@opencode-ai/sdk").Part} part
 * @param {string} role
 * @returns {import("@opencode-ai/sdk").Part}
 */
function escaped(part, role) {
	if (part.type === "text" && role === "user") return { ...part, text: escape(part.text) };
	if (part.type !== "tool" || part.state.status !== "completed") return part;
	return { ...part, state: { ...part.state, output: escape(part.state.output) } };
}
