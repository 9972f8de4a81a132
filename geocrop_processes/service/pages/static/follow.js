// A job's status, asked for as often as the service wishes, until it is final.
import { ask, problem } from "./dom.js";

const FINAL = new Set(["successful", "failed", "dismissed"]);
const MOST_LOST = 8;

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

/** Whether nothing changes any more. */
export const isFinal = (status) => FINAL.has(status);

/**
 * Follow a job.
 * @param {string} job its id
 * @param {(status: object) => void} told called with each status, the last one final
 * @throws {Error} the job is gone, or the service has not answered several times
 */
export async function follow(job, told) {
  const path = `/jobs/${encodeURIComponent(job)}?f=json`;
  for (let lost = 0; ; ) {
    let answer = null;
    try {
      answer = await ask(path, { cache: "no-store" });
    } catch {
      // the network; it may come back
    }
    if (answer && answer.ok) {
      lost = 0;
      told(answer.body);
      if (isFinal(answer.body.status)) return;
    } else if (answer && answer.status < 500 && answer.status !== 429) {
      throw new Error(problem(answer));
    } else if (++lost > MOST_LOST) {
      throw new Error("The service does not answer. The job goes on all the same: load this page again later.");
    }
    const wish = Number(answer && answer.headers.get("Retry-After")) || 1;
    await pause(Math.min(30, Math.max(0.5, wish)) * (1 + lost));
  }
}
