// The page of a job: what happens while it is open, and its dismissal.
import { ask, element, problem, say } from "./dom.js";
import { follow, isFinal } from "./follow.js";

const find = (id) => document.getElementById(id);
const job = find("job");

function note(status) {
  const log = find("log");
  const text = `${status.message || status.status} (${status.progress} %)`;
  if (log.lastChild && log.lastChild.lastChild.textContent === text) return;
  const at = status.updated || "";
  log.append(element("li", {}, element("time", { datetime: at }, at.slice(11, 19)), " ", element("span", {}, text)));
  log.hidden = false;
  log.scrollTop = log.scrollHeight;
}

function show(status) {
  const state = find("status");
  state.textContent = status.status;
  state.className = `state state-${status.status}`;
  find("message").textContent = status.message || "";
  find("progress").value = status.progress;
  note(status);
  // the page of a job that has ended has its results
  if (isFinal(status.status)) location.reload();
}

async function dismiss() {
  find("really").disabled = true;
  try {
    const answer = await ask(`/jobs/${encodeURIComponent(job.dataset.job)}`, { method: "DELETE" });
    if (answer.ok) return location.reload();
    say(find("lost"), problem(answer));
  } catch {
    say(find("lost"), "The service does not answer.");
  }
  find("really").disabled = false;
}

const dismissal = find("dismissal");
if (dismissal) {
  dismissal.hidden = false;
  const sure = (is) => {
    find("sure").hidden = !is;
    find("dismiss").hidden = is;
    find(is ? "keep" : "dismiss").focus();
  };
  find("dismiss").addEventListener("click", () => sure(true));
  find("keep").addEventListener("click", () => sure(false));
  find("really").addEventListener("click", dismiss);
}
if ("open" in job.dataset) follow(job.dataset.job, show).catch((error) => say(find("lost"), error.message));
