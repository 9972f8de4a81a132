// The form of a process: asks for a job, shows what is wrong at the field, follows the job.
import { ask, base, data, element, problem, say } from "./dom.js";
import { follow } from "./follow.js";
import { Wrong, fill, read } from "./inputs.js";

const find = (id) => document.getElementById(id);
const form = find("execution");
const fields = [...form.querySelectorAll("[data-input]")].filter((field) => !field.parentElement.closest("[data-input]"));

function clear() {
  for (const shown of form.querySelectorAll(".error")) say(shown, "");
  for (const marked of form.querySelectorAll("[aria-invalid]")) marked.removeAttribute("aria-invalid");
}

/** Show what is wrong where it is, or above the form. */
function complain(text, name) {
  const field = fields.find((one) => one.dataset.input === name);
  say(field ? find(`error-${name}`) : find("form-error"), text);
  if (!field) return find("form-error").scrollIntoView({ block: "center" });
  const marked = [...field.querySelectorAll("input, select, textarea")].filter((one) => one.offsetParent !== null);
  for (const one of marked) one.setAttribute("aria-invalid", "true");
  if (marked.length) marked[0].focus();
}

/** Whose input a problem is about: those that are about one name it in quotation marks. */
function named(detail) {
  const match = /\binput '([^']+)'/i.exec(detail);
  return match && match[1];
}

async function inputs() {
  const given = {};
  let fine = true;
  for (const field of fields) {
    try {
      const value = await read(field);
      if (value !== undefined) given[field.dataset.input] = value;
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      complain(error.message, field.dataset.input);
      fine = false;
    }
  }
  return fine ? given : null;
}

function body(given) {
  const chosen = [...form.querySelectorAll("[name=outputs]:checked")].map((box) => [box.value, {}]);
  return JSON.stringify({ inputs: given, ...(chosen.length ? { outputs: Object.fromEntries(chosen) } : {}) });
}

function show(status) {
  find("run-status").textContent = status.status;
  find("run-status").className = `state state-${status.status}`;
  find("run-message").textContent = status.message || "";
  find("run-progress").value = status.progress;
}

async function watch(job) {
  const page = `${base}/jobs/${encodeURIComponent(job)}`;
  const links = find("run-links");
  find("run-title").textContent = `Job ${job}`;
  find("run").hidden = false;
  links.replaceChildren(element("a", { href: page }, "The page of the job"));
  let last = {};
  await follow(job, (status) => {
    last = status;
    show(status);
  });
  if (last.status === "successful") links.append(" · ", element("a", { href: `${page}/results` }, "Its results"));
}

async function run() {
  clear();
  const given = await inputs();
  if (given === null) return;
  const answer = await ask(`/processes/${encodeURIComponent(form.dataset.process)}/execution`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Prefer: "respond-async" },
    body: body(given),
  });
  if (answer.status !== 201) return complain(problem(answer), named(problem(answer)));
  await watch(answer.body.jobID);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  try {
    await run();
  } catch (error) {
    complain(error instanceof TypeError ? "The service does not answer." : error.message);
  }
  button.disabled = false;
});

form.addEventListener("change", (event) => {
  if (event.target.dataset.part !== "way") return;
  const field = event.target.closest("[data-kind=choice]");
  for (const way of field.querySelectorAll("[data-way]")) way.hidden = way.dataset.way !== event.target.value;
});

const filler = find("fill");
if (filler) {
  filler.addEventListener("click", () => {
    clear();
    const example = data(find("example")).inputs || {};
    for (const field of fields) {
      const name = field.dataset.input;
      if (name in example && !fill(field, example[name])) complain("The example's file is not filled in: bring one of yours.", name);
    }
  });
}
