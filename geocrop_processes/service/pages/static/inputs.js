// What a person has filled in, as the inputs of an execution request.
import { data } from "./dom.js";

/** What is wrong with one field, in words for people. */
export class Wrong extends Error {}

const TYPES = {
  csv: "text/csv",
  geojson: "application/geo+json",
  gpkg: "application/geopackage+sqlite3",
  json: "application/geo+json",
  parquet: "application/vnd.apache.parquet",
  txt: "text/plain",
};
const NUMBERS = { place: ["lon", "lat", "radius"], bbox: ["west", "south", "east", "north"] };

const control = (field) => field.querySelector(":scope > input, :scope > select, :scope > textarea, :scope > label > input");
const part = (field, name) => field.querySelector(`[data-part="${name}"]`);

function number(text) {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new Wrong(`“${text}” is no number.`);
  return value;
}

function numbers(field, names) {
  const texts = names.map((name) => part(field, name).value.trim());
  if (texts.every((text) => text === "")) return undefined;
  return texts.map(number);
}

function place(field) {
  const filled = ["lon", "lat"].some((name) => part(field, name).value.trim() !== "");
  return filled || "required" in field.dataset ? numbers(field, NUMBERS.place) : undefined;
}

function list(field) {
  const area = control(field);
  const lines = area.value.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  if (!lines.length) return undefined;
  return area.dataset.items === "number" ? lines.map(number) : lines;
}

function json(field) {
  const text = control(field).value.trim();
  if (!text) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Wrong(`It is no JSON: ${error.message}.`);
  }
}

function base64(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => done(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => failed(new Wrong(`The file ${file.name} cannot be read.`)));
    reader.readAsDataURL(file);
  });
}

function mediaType(field, name) {
  const chosen = part(field, "type").value;
  return chosen || TYPES[name.split(/[?#]/)[0].split(".").pop().toLowerCase()];
}

async function file(field) {
  const [chosen] = part(field, "file").files;
  const href = part(field, "href").value.trim();
  if (chosen && href) throw new Wrong("A file and an address are given: one of them is enough.");
  if (chosen) {
    const type = mediaType(field, chosen.name);
    if (!type) throw new Wrong(`Choose the media type of ${chosen.name}: its name does not say it.`);
    return { value: await base64(chosen), mediaType: type, encoding: "base64" };
  }
  if (href) {
    const type = mediaType(field, href);
    return type ? { href, type } : { href };
  }
  if ("required" in field.dataset) throw new Wrong("A file, or its address, is needed.");
  return undefined;
}

function choice(field) {
  const way = field.querySelector(`:scope > [data-way="${part(field, "way").value}"] > .field`);
  return read(way);
}

const READ = {
  text: (field) => control(field).value || undefined,
  date: (field) => control(field).value || undefined,
  number: (field) => (control(field).value.trim() ? number(control(field).value) : undefined),
  integer: (field) => (control(field).value.trim() ? number(control(field).value) : undefined),
  boolean: (field) => control(field).checked,
  select: (field) => data(field.querySelector(".values"))[control(field).value],
  bbox: (field) => {
    const bbox = numbers(field, NUMBERS.bbox);
    return bbox && { bbox };
  },
  place,
  list,
  json,
  file,
  choice,
};

/** The value of a field; undefined where it is left out. */
export function read(field) {
  return READ[field.dataset.kind](field);
}

/** Fill a field with a value; false where a person must do it. */
export function fill(field, value) {
  const { kind } = field.dataset;
  if (kind in NUMBERS) {
    const values = kind === "bbox" ? value.bbox : value;
    NUMBERS[kind].forEach((name, i) => {
      part(field, name).value = values[i];
      part(field, name).dispatchEvent(new Event("change", { bubbles: true }));
    });
  } else if (kind === "boolean") control(field).checked = value;
  else if (kind === "select") control(field).value = data(field.querySelector(".values")).indexOf(value);
  else if (kind === "list") control(field).value = value.join("\n");
  else if (kind === "json") control(field).value = JSON.stringify(value);
  else if (kind === "file") {
    if (!value.href) return false;
    part(field, "href").value = value.href;
  } else if (kind === "choice") return false;
  else control(field).value = value;
  return true;
}
