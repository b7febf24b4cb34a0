// @ts-check
/**
 * The files of pi's sessions, and the current window of a context. Reads only.
 *
 * @import { Header } from "./session.js"
 */

import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve, sep } from "node:path";
import { CHECKOUT } from "./commands.js";
import { current, events, summaries } from "./session.js";

/**
 * The current window of a context, undefined when it has none yet.
 * @param {string} context
 */
export function currentWindow(context) {
	const folder = resolve(process.env.MIND_HOME || defaultHome(), "logs", context);
	const names = list(folder).filter((name) => /^\d{8}T\d{6}Z(_\d{4,})?\.md$/.test(name));
	return names.length ? join(folder, names.sort()[names.length - 1]) : undefined;
}

/** the memory folder that nobody named, as the commands take it (ground/paths.py) */
function defaultHome() {
	if (!existsSync(join(CHECKOUT, "..", "__main__.py"))) return join(CHECKOUT, "data");
	return join(process.env.XDG_DATA_HOME || join(homedir(), ".local", "share"), "plainmind");
}

/**
 * The header of a session, then those of the sessions it was forked from, as far as they are still there.
 * @param {Header} header
 * @returns {Header[]}
 */
export function lineage(header) {
	const headers = [header];
	const seen = new Set();
	for (let path = header.parentSession; path && !seen.has(path); path = headers[headers.length - 1].parentSession) {
		seen.add(path);
		const parent = readHeader(path);
		if (!parent) break;
		headers.push(parent);
	}
	return headers;
}

/**
 * Paths of the sessions that were held in the repository `cwd` is in, or below `cwd` when it is in none.
 * @param {string} cwd
 * @param {string} folder where pi keeps this session
 */
export function sessionsOfRepository(cwd, folder) {
	// pi has a folder for each working directory, unless it was given one for all
	const ownFolder = /^--.*--$/.test(basename(folder));
	const folders = ownFolder ? list(dirname(folder)).map((name) => join(dirname(folder), name)) : [folder];
	const root = repository(cwd);
	return folders
		.flatMap((path) => list(path).map((name) => join(path, name)))
		.filter((path) => path.endsWith(".jsonl") && `${readHeader(path)?.cwd}${sep}`.startsWith(root.endsWith(sep) ? root : root + sep));
}

/**
 * The events and the summaries of a session's file. A line that is not JSON is left out, as pi does: its writer may be at work.
 * Throws, saying why, when the file cannot be taken in.
 * @param {string} path
 */
export function readSession(path) {
	const [header, ...entries] = readFileSync(path, "utf8").split("\n").flatMap((line) => parsed(line) ?? []);
	if (!(header.version >= 2)) throw new Error("entries without ids, pi's first format; open it once with pi");
	const headers = lineage(header);
	const shown = current(entries);
	return { events: events(headers, shown), summaries: summaries(headers, shown) };
}

/** @param {string} path */
function readHeader(path) {
	let file;
	try {
		file = openSync(path, "r");
		const head = Buffer.alloc(64 * 1024);
		const header = parsed(head.toString("utf8", 0, readSync(file, head)).split("\n", 1)[0]);
		return header?.type === "session" && typeof header.id === "string" ? header : undefined;
	} catch {
		return undefined;
	} finally {
		if (file !== undefined) closeSync(file);
	}
}

/** @param {string} cwd */
function repository(cwd) {
	for (let path = resolve(cwd); ; path = dirname(path)) {
		if (existsSync(join(path, ".git"))) return path;
		if (path === dirname(path)) return resolve(cwd);
	}
}

/** @param {string} line */
function parsed(line) {
	try {
		return JSON.parse(line);
	} catch {
		return undefined;
	}
}

/** @param {string} folder */
function list(folder) {
	try {
		return readdirSync(folder);
	} catch {
		return [];
	}
}
