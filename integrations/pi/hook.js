// @ts-check
/**
 * mem-hook, run with an event on its standard input. No shell, and always with a time limit.
 */

import { execFile } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** the command of the checkout that this file is in; a client finds the file through a link */
const OURS = join(dirname(realpathSync(fileURLToPath(import.meta.url))), "..", "..", "bin", "mem-hook");

/** seconds: mem-hook itself gives up after hook.timeout */
const LONGEST = 5;

/**
 * A function that hands over an event, and gives what is to be put beside the prompt; undefined when something is
 * wrong, which is told once.
 * @param {string} client
 * @param {{ command?: string[], timeout?: number }} [given] what --install wrote
 * @param {(text: string) => void} [tell]
 */
export function makeHook(client, { command = [], timeout = LONGEST } = {}, tell = console.error) {
	const choices = command.length ? [command] : [["mem-hook", client], ...(existsSync(OURS) ? [[OURS, client]] : [])];
	let told = false;
	/**
	 * @param {object} event
	 * @param {typeof tell} [say]
	 * @returns {Promise<string | undefined>}
	 */
	return async function hook(event, say = tell) {
		try {
			for (;;) {
				const [program, ...words] = choices[0];
				try {
					const { context } = JSON.parse(await run(program, words, JSON.stringify(event), timeout));
					return typeof context === "string" ? context : undefined;
				} catch (/** @type {any} */ error) {
					if (error.code !== "ENOENT" || choices.length < 2) throw error;
					choices.shift();
				}
			}
		} catch (error) {
			if (!told) say(`plainmind: ${error instanceof Error ? error.message : error}`);
			told = true;
			return undefined;
		}
	};
}

/**
 * What a program prints. Rejects, saying why, when it cannot be run, takes too long, or prints nothing.
 * @param {string} program
 * @param {string[]} words
 * @param {string} input
 * @param {number} seconds
 * @returns {Promise<string>}
 */
function run(program, words, input, seconds) {
	return new Promise((give, fail) => {
		const options = { timeout: seconds * 1000, killSignal: /** @type {const} */ ("SIGKILL"), maxBuffer: 16 * 1024 * 1024 };
		const child = execFile(program, words, options, (error, stdout, stderr) => {
			if (!error && stdout) give(stdout);
			else if (error?.code === "ENOENT") fail(Object.assign(new Error(`'${program}' cannot be run (ENOENT)`), { code: "ENOENT" }));
			else if (error?.killed) fail(new Error(`'mem-hook' took longer than ${seconds} s`));
			else fail(new Error(stderr.trim().split("\n").pop() || `'${program}' cannot be run (${error?.code})`));
		});
		child.stdin?.on("error", () => {}); // it ended without reading all: what it printed says why
		child.stdin?.end(input);
	});
}
