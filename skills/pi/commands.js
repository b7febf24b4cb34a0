// @ts-check
/**
 * The commands of this checkout, run with arguments and standard input. No shell, and always with a time limit.
 *
 * @import { Event, Summary } from "./session.js"
 */

import { execFile } from "node:child_process";
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** the folder of the checkout; pi finds the extension through a link */
export const CHECKOUT = join(dirname(realpathSync(fileURLToPath(import.meta.url))), "..", "..");

// seconds
const SOON = 10; // somebody waits for it; a command itself waits 5 for a lock, and then says so
const LONG = 60; // an import of a long session

/**
 * The blocks to put before a prompt, of moments and of pages, '' when nothing matters to it. `shown` is the window the
 * conversation itself is in.
 * @param {string} prompt
 * @param {string | undefined} shown
 */
export async function recall(prompt, shown) {
	const moments = run("mem-recall", ["--inject", ...(shown ? ["--not-window", shown] : []), "-"], prompt, SOON, [0, 1]);
	const pages = run("mem-recall", ["--knowledge", "--inject", "-"], prompt, SOON, [0, 1]);
	return (await Promise.all([moments, pages])).map((block) => block.trimEnd()).filter(Boolean).join("\n");
}

/**
 * What is always in mind, for the system prompt: the index of the memory folder, and of the project that `cwd` is in
 * once it is trusted; '' where it is off.
 * @param {string} cwd
 * @param {string} context
 */
export async function resident(cwd, context) {
	return (await run("mem-resident", ["--quiet", "--project", cwd, "--context", context], "", SOON, [0])).trim();
}

/**
 * Append events, and return how many were new.
 * @param {Event[]} events
 */
export async function append(events) {
	if (events.length === 0) return 0;
	const lines = events.map((event) => `${JSON.stringify(event)}\n`).join("");
	const refs = await run("mem-append", ["--jsonl"], lines, LONG, [0]);
	return refs.split("\n").length - 1;
}

/**
 * Keep summaries among the pages; one that is there already is passed over.
 * @param {Summary[]} found
 */
export async function keepSummaries(found) {
	if (found.length === 0) return;
	const lines = found.map((summary) => `${JSON.stringify(summary)}\n`).join("");
	await run("mem-note", ["--compaction", "--jsonl"], lines, LONG, [0]);
}

/** The line that says that an audit of the memory is due, '' when none is, or when nobody can tell: what fails here
 * fails in a recall too, and is told there. */
export async function notice() {
	return (await run("mem-audit", ["--notice"], "", SOON, [0]).catch(() => "")).trim();
}

/**
 * Keep a session's file in raw/sessions/, if it was held in the repository that `cwd` is in.
 * @param {string} cwd
 * @param {string} path
 */
export async function archive(cwd, path) {
	await run("mem-import", ["--from", "pi", "--repo", cwd, "--archive", "--", path], "", LONG, [0]);
}

/** @param {string} context */
export async function startWindow(context) {
	await run("mem-new", [context], "", SOON, [0]);
}

/**
 * What a command prints. Rejects, saying why, when it cannot be run, takes too long, or ends with a code that is not `fine`.
 * @param {string} command
 * @param {string[]} args
 * @param {string} input
 * @param {number} seconds
 * @param {number[]} fine
 * @returns {Promise<string>}
 */
function run(command, args, input, seconds, fine) {
	return new Promise((give, fail) => {
		const path = join(CHECKOUT, "bin", command);
		const options = { timeout: seconds * 1000, killSignal: /** @type {const} */ ("SIGKILL"), maxBuffer: 64 * 1024 * 1024 };
		const child = execFile(path, args, options, (error, stdout, stderr) => {
			if (!error || (typeof error.code === "number" && fine.includes(error.code))) give(stdout);
			else if (error.killed) fail(new Error(`'${command}' took longer than ${seconds} s`));
			else fail(new Error(stderr.trim().split("\n").pop() || `'${path}' cannot be run (${error.code})`));
		});
		child.stdin?.on("error", () => {}); // it ended without reading all: its exit code says why
		child.stdin?.end(input);
	});
}
