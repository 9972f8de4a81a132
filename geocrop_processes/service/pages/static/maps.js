// Maps: the product's own tiles over a graticule, and the circle of a place. L is Leaflet's.
import { data } from "./dom.js";

const INK = "#35443a";
const ACCENT = "#1f6b3a";
const STEPS = [45, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01];

/** Lines of longitude and latitude, some five of each, with their degrees. */
function graticule(map) {
  const lines = L.layerGroup().addTo(map);
  const label = (at, text) =>
    L.marker(at, { interactive: false, keyboard: false, icon: L.divIcon({ className: "graticule", html: text, iconSize: null }) });
  const draw = () => {
    const box = map.getBounds();
    const [west, east, south, north] = [box.getWest(), box.getEast(), box.getSouth(), box.getNorth()];
    const step = STEPS.find((one, i) => (east - west) / one > 4 || i === STEPS.length - 1);
    const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    const style = { color: INK, weight: 0.5, opacity: 0.6, interactive: false };
    lines.clearLayers();
    for (let lon = Math.ceil(west / step) * step; lon < east; lon += step) {
      lines.addLayer(L.polyline([[south, lon], [north, lon]], style));
      lines.addLayer(label([north, lon], `${lon.toFixed(digits)}°`));
    }
    for (let lat = Math.ceil(south / step) * step; lat < north; lat += step) {
      lines.addLayer(L.polyline([[lat, west], [lat, east]], style));
      lines.addLayer(label([lat, west], `${lat.toFixed(digits)}°`));
    }
  };
  map.on("moveend", draw);
  draw();
}

const corners = ([west, south, east, north]) => [[south, west], [north, east]];

function open(frame, settings) {
  const map = L.map(frame, { attributionControl: Boolean(settings.attribution), maxZoom: 20 });
  map.fitBounds(corners(settings.bounds));
  if (settings.attribution) map.attributionControl.setPrefix(false);
  if (settings.background) {
    const credit = document.createElement("span");
    credit.textContent = settings.attribution;
    L.tileLayer(settings.background, { attribution: credit.innerHTML, maxZoom: 19 }).addTo(map);
  }
  graticule(map);
  L.control.scale({ imperial: false }).addTo(map);
  return map;
}

async function showProduct(frame, settings) {
  const map = open(frame, settings);
  const tiles = { maxNativeZoom: 18, maxZoom: 20, className: "crop-tiles" };
  const add = (bounds) => {
    map.fitBounds(corners(bounds));
    L.tileLayer(settings.tiles, { ...tiles, bounds: corners(bounds) }).addTo(map);
  };
  if (settings.box) return add(settings.box.length === 6 ? [0, 1, 3, 4].map((i) => settings.box[i]) : settings.box);
  const answer = await fetch(settings.tilejson);
  if (answer.ok) add((await answer.json()).bounds);
}

function choosePlace(frame, settings) {
  const map = open(frame, settings);
  const field = frame.closest("[data-input]");
  const part = (name) => field.querySelector(`[data-part="${name}"]`);
  L.rectangle(corners(settings.region), { color: ACCENT, weight: 1.5, fill: false, interactive: false }).addTo(map);
  let circle = null;
  const draw = () => {
    const [lon, lat, radius] = ["lon", "lat", "radius"].map((name) => part(name).valueAsNumber);
    if (circle) circle.remove();
    circle = null;
    if (![lon, lat].every(Number.isFinite) || !(radius > 0)) return;
    circle = L.layerGroup([
      L.circle([lat, lon], { radius, color: ACCENT, weight: 2, interactive: false }),
      L.circleMarker([lat, lon], { radius: 4, color: ACCENT, interactive: false }),
    ]).addTo(map);
  };
  map.on("click", ({ latlng }) => {
    part("lon").value = latlng.wrap().lng.toFixed(5);
    part("lat").value = latlng.lat.toFixed(5);
    draw();
  });
  field.addEventListener("change", draw);
  field.addEventListener("input", draw);
  draw();
}

for (const frame of document.querySelectorAll(".map")) {
  const settings = data(frame.querySelector("script"));
  frame.replaceChildren();
  if (settings.kind === "place") choosePlace(frame, settings);
  else showProduct(frame, settings);
}
