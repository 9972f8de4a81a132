// What the scripts share: elements whose content is text, addresses of this service, its answers.

/** The path that the service lies under. */
export const base = document.body.dataset.base;

/** An element; children are elements or texts, and never markup. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Show a text in an element, or hide it where there is none. */
export function say(shown, text) {
  shown.textContent = text;
  shown.hidden = !text;
}

/** The JSON that a page brings along for its scripts. */
export function data(block) {
  return JSON.parse(block.textContent);
}

/** Ask this service; `{ok, status, headers, body}`, where a body that is no JSON is empty. */
export async function ask(path, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  const answer = await fetch(base + path, { ...options, headers });
  const body = await answer.json().catch(() => ({}));
  return { ok: answer.ok, status: answer.status, headers: answer.headers, body };
}

/** What a problem document says, for people. */
export function problem(answer) {
  const { title, detail } = answer.body;
  return detail || title || `The service answered with status ${answer.status}.`;
}
