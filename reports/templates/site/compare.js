"use strict";
// Compares the two runs that the address names: compare.html?before=SLUG&after=SLUG. The facts of a run are a script,
// data/SLUG.js, because a page opened from a disk may not fetch. Text goes in as text, never as markup.

const FEWEST = 6; // samples of each run: an interval of fewer holds the median less often than 95 %
const loaded = [];
const visorbench = { run: (facts) => loaded.push(facts) };
const query = new URLSearchParams(location.search);
const status_ = document.getElementById("status");

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function choose(id, chosen) {
  const select = document.getElementById(id);
  for (const [slug, told] of visorbenchRuns) select.append(new Option(told, slug, false, slug === chosen));
}

function load(slug) {
  return new Promise((resolve, reject) => {
    const script = element("script", { src: `data/${slug}.js` });
    script.onload = () => {
      const facts = loaded.find((each) => each.slug === slug);
      facts ? resolve(facts) : reject(new Error(`the data of ${slug} is damaged`));
    };
    script.onerror = () => reject(new Error(`the data of ${slug} is not in this site`));
    document.head.append(script);
  });
}

async function main() {
  const known = new Set(visorbenchRuns.map(([slug]) => slug));
  const newest = visorbenchRuns.map(([slug]) => slug);
  const before = query.get("before") ?? newest[1] ?? newest[0];
  const after = query.get("after") ?? newest[0];
  choose("before", before);
  choose("after", after);
  const unknown = [before, after].filter((slug) => !known.has(slug));
  if (unknown.length) return say(`No run ${unknown.join(", ")} is in this site.`);
  if (!query.has("before") || !query.has("after")) return say("Choose two runs.");
  say("Loading…");
  try {
    show(...(await Promise.all([load(before), load(after)])));
  } catch (error) {
    say(`Cannot compare: ${error.message}.`);
  }
}

function say(text) {
  status_.textContent = text;
}

function show(before, after) {
  const place = document.getElementById("comparison");
  document.title = `${before.shown} → ${after.shown} · VisorBench`;
  place.append(
    element("h2", {}, link(before), " → ", link(after)),
    ...unlike(before, after).map((text) => element("p", { class: "banner" }, `Not like with like: ${text}`)),
  );
  const old = new Map(before.series.map((series) => [key(series), series]));
  const changes = after.series.filter((series) => alike(old.get(key(series)), series))
    .map((series) => change(old.get(key(series)), series));
  for (const subject of new Set(changes.map((each) => each.subject)))
    place.append(...subjectTable(after, subject, changes.filter((each) => each.subject === subject)));
  const mine = new Set(after.series.map(key));
  only(place, "before", before.series.filter((series) => !mine.has(key(series))));
  only(place, "after", after.series.filter((series) => !old.has(key(series))));
  const count = (verdict) => changes.filter((each) => each.verdict === verdict).length;
  say(changes.length
    ? `${changes.length} metrics in common: ${count("worse")} worse, ${count("better")} better, ` +
      `${count("same")} the same, ${count("unclear")} unclear.`
    : "The runs have no metric in common.");
}

function link(run) {
  return element("a", { href: `runs/${run.slug}/index.html` }, run.shown);
}

function key(series) {
  return JSON.stringify([series.scenario, series.metric, series.subject]);
}

function alike(one, other) {
  return one && one.unit === other.unit && one.better === other.better;
}

function change(before, after) {
  const ratio = before.median === 0 ? null : after.median / before.median;
  const ci95 = ratio === null ? null : ratioInterval(after, before);
  let verdict = "unclear";
  if (ci95 && Math.min(before.counted, after.counted) >= FEWEST) {
    const [low, high] = ci95;
    if (low <= 1 && 1 <= high) verdict = "same";
    else verdict = low > 1 === (after.better === "higher") ? "better" : "worse";
  }
  return { ...after, before: before.shown, after: after.shown, ratio, ci95, verdict };
}

function unlike(before, after) {
  const told = [];
  if (before.host.fingerprint !== after.host.fingerprint)
    told.push(`the hosts differ: ${differences(before.host.facts, after.host.facts) || "their fingerprints do"}`);
  const changed = new Map(); // what differs → the subjects in which it does
  for (const [id, subject] of Object.entries(after.subjects)) {
    const old = before.subjects[id];
    if (!old || old.fingerprint === subject.fingerprint) continue;
    const what = differences(old.facts, subject.facts) || "the fingerprint does (the guest, for one)";
    changed.set(what, [...(changed.get(what) ?? []), id]);
  }
  for (const [what, ids] of changed) told.push(`${ids.join(", ")} ${ids.length > 1 ? "differ" : "differs"}: ${what}`);
  if (before.profile !== after.profile) told.push(`the profiles differ: ${before.profile}, then ${after.profile}`);
  for (const run of [before, after]) if (run.unfinished) told.push(`${run.id} was interrupted`);
  return told;
}

function differences(old, fresh) {
  return Object.keys({ ...old, ...fresh })
    .filter((name) => String(old[name]) !== String(fresh[name]))
    .slice(0, 6)
    .map((name) => `${name} ${old[name] ?? "unknown"} became ${fresh[name] ?? "unknown"}`)
    .join(", ");
}

function subjectTable(run, subject, changes) {
  const head = ["metric", "verdict", "ratio", "95 % interval", "before", "after"];
  const body = element("tbody", {});
  for (const scenario of new Set(changes.map((each) => each.scenario))) {
    body.append(element("tr", { class: "group" }, element("th", { colspan: head.length, scope: "rowgroup" }, scenario)));
    for (const each of changes) if (each.scenario === scenario) body.append(row(each));
  }
  const heading = run.subjects[subject]?.label ?? subject;
  const titles = element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)));
  const table = element("table", {}, element("thead", {}, titles), body);
  const scroll = { class: "scroll", role: "region", tabindex: "0", "aria-label": heading };
  return [element("h3", {}, heading), element("p", { class: "meta" }, subject), element("div", scroll, table)];
}

function row(change) {
  const ratio = change.ratio === null ? "–" : change.ratio.toFixed(3);
  const ci95 = change.ci95 ? change.ci95.map((end) => end.toFixed(3)).join("\u202f–\u202f") : "–";
  const cells = [ratio, ci95, change.before, change.after].map((text) => element("td", {}, text));
  const verdict = element("td", { class: change.verdict }, change.verdict);
  return element("tr", {}, element("th", { scope: "row" }, change.words), verdict, ...cells);
}

function only(place, when, series) {
  if (!series.length) return;
  const names = series.map((each) => `${each.scenario}/${each.metric} on ${each.subject}`);
  place.append(element("details", {},
    element("summary", {}, `${series.length} series only ${when}`),
    element("ul", {}, ...names.map((name) => element("li", {}, name)))));
}

main();
