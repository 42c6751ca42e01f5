// Prints what mail programs do not show of the HTML in these files, by the data of caniemail.com:
// { feature: { "none": [program, …], "partial": [program, …], "notes": [note, …] } }
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");

const { caniemail } = createRequire(`${process.argv[2]}/`)("caniemail");

// Those of customers in Taiwan and Japan, and Thunderbird. Of its versions the data of one is complete.
const clients = ["gmail.*", "outlook.*", "apple-mail.*", "yahoo.*", "samsung-email.*", "thunderbird.macos"];

const found = {};
for (const file of process.argv.slice(3)) {
  const { issues } = caniemail({ clients, html: readFileSync(file, "utf8") });
  for (const [support, programs] of [["none", issues.errors], ["partial", issues.warnings]]) {
    for (const [program, features] of programs) {
      for (const { title, notes } of features) {
        const feature = (found[title] ??= { none: [], partial: [], notes: [] });
        if (!feature[support].includes(program)) feature[support].push(program);
        for (const note of notes) if (!feature.notes.includes(note)) feature.notes.push(note);
      }
    }
  }
}
console.log(JSON.stringify(found));
