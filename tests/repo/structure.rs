//! Structure of the code: siblings in a folder, imports without circles, parameters with names.

use std::collections::{BTreeMap, BTreeSet};

use testing::support::project::{files, names, path, text};

/// Path of a module within its crate, without the crate.
type Module = Vec<String>;
/// Modules, each with those that it imports.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

const CODE: [&str; 4] = ["shared", "functions", "sandbox", "tests"];
/// Files and folders that one folder may hold.
const SIBLINGS: usize = 16;

/// Folders below `folder`, itself included, with the number of their entries.
fn folders(folder: &str) -> Vec<(String, usize)> {
    let entries = names(folder);
    let below = entries.iter().map(|name| format!("{folder}/{name}")).filter(|entry| path(entry).is_dir());
    below.flat_map(|entry| folders(&entry)).chain([(folder.to_owned(), entries.len())]).collect()
}

#[test]
fn no_folder_of_code_has_more_than_16_entries() {
    let all: Vec<(String, usize)> = CODE.into_iter().flat_map(folders).collect();
    assert!(all.len() > 30, "{}", all.len());
    let full: Vec<&(String, usize)> = all.iter().filter(|(_, count)| *count > SIBLINGS).collect();
    assert_eq!(full, Vec::<&(String, usize)>::new());
}

/// Source without comments and without the unit tests at its end.
fn product(source: &str) -> String {
    let product = source.split("\nmod tests {").next().unwrap_or_default();
    product.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Splits at commas that are in no bracket.
fn split_at_commas(list: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut parts) = (0_usize, 0, Vec::new());
    for (at, letter) in list.char_indices() {
        match letter {
            '(' | '[' | '{' | '<' => depth += 1,
            '>' if list[..at].ends_with(['-', '=']) => {}
            ')' | ']' | '}' | '>' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(list[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(list[begin..].trim());
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

/// Paths of a `use` tree: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths_of(tree: &str) -> Vec<Vec<String>> {
    let names = |text: &str| -> Vec<String> {
        let name = |part: &str| part.split(" as ").next().unwrap_or_default().trim().to_owned();
        text.split("::").map(name).filter(|name| !name.is_empty()).collect()
    };
    match tree.split_once('{') {
        None => vec![names(tree)],
        Some((prefix, rest)) => {
            let inside = rest.trim_end().strip_suffix('}').unwrap_or(rest);
            let below = split_at_commas(inside).into_iter().flat_map(paths_of);
            below.map(|below| names(prefix).into_iter().chain(below).collect()).collect()
        }
    }
}

/// Modules of the crate whose sources are given, each with the modules that it imports.
fn imports(sources: &BTreeMap<Module, String>) -> Imports {
    let known = |full: &[String]| (0..=full.len()).rev().find_map(|end| sources.get_key_value(&full[..end]));
    let of = |module: &Module, source: &String| {
        let mut found = BTreeSet::new();
        for tree in product(source).split("use ").skip(1).filter_map(|rest| rest.split(';').next()) {
            for used in paths_of(tree) {
                let mut base = match used.first().map(String::as_str) {
                    Some("crate") => Vec::new(),
                    Some("self" | "super") => module.clone(),
                    _ => continue,
                };
                let up = used.iter().filter(|part| *part == "super").count();
                base.truncate(base.len().saturating_sub(up));
                base.extend(used.into_iter().filter(|part| !["crate", "self", "super"].contains(&part.as_str())));
                found.extend(known(&base).map(|(target, _)| target.clone()).filter(|target| target != module));
            }
        }
        found
    };
    sources.iter().map(|(module, source)| (module.clone(), of(module, source))).collect()
}

/// Modules that import themselves through others: what is left once all without imports have been taken away.
fn circle(mut imports: Imports) -> Vec<String> {
    loop {
        let left: BTreeSet<Module> = imports.keys().cloned().collect();
        let imported: BTreeSet<Module> = imports.values().flatten().cloned().collect();
        imports.retain(|module, _| imported.contains(module));
        imports.values_mut().for_each(|targets| targets.retain(|target| left.contains(target)));
        imports.retain(|_, targets| !targets.is_empty());
        if imports.len() == left.len() {
            return left.into_iter().map(|module| module.join("::")).collect();
        }
    }
}

/// Sources of a crate by module.
fn modules(root: &str) -> BTreeMap<Module, String> {
    let module = |file: &str| {
        let inside = file.strip_prefix(root).and_then(|file| file.strip_suffix(".rs")).unwrap_or_default();
        let mut parts: Module = inside.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        if parts.last().is_some_and(|last| ["lib", "main", "mod"].contains(&last.as_str())) {
            parts.pop();
        }
        parts
    };
    let all = files(root, ".rs").into_iter();
    // A binary beside the library is another crate.
    let all = all.filter(|file| !(file.ends_with("/src/main.rs") && path(&format!("{root}/lib.rs")).exists()));
    all.map(|file| (module(&file), text(&file))).collect()
}

#[test]
fn no_module_imports_itself_through_others() {
    let functions = names("functions").into_iter().map(|name| format!("functions/{name}/src"));
    for root in functions.chain(["shared/src", "sandbox/src"].map(str::to_owned)) {
        let imports = imports(&modules(&root));
        assert!(imports.values().any(|targets| !targets.is_empty()), "{root}");
        assert_eq!(circle(imports), Vec::<String>::new(), "{root}");
    }
}

#[test]
fn a_planted_circle_is_found() {
    let source = |module: &str, text: &str| (module.split("::").map(str::to_owned).collect(), text.to_owned());
    let mut sources = BTreeMap::from([
        source("a", "use std::fmt;\nuse crate::{b::{self, C}, d};\n"),
        source("b", "use super::e::f::{\n    G, // of crate::a\n};\n"),
        source("d", "use crate::b;\n#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n"),
        source("e::f", "use super::super::b::H as I;\n"),
    ]);
    assert_eq!(circle(imports(&sources)), ["b", "e::f"]);
    sources.extend([source("e::f", "")]);
    assert_eq!(circle(imports(&sources)), Vec::<String>::new());
}

/// Parameters of functions whose type is a tuple, each with its function. Closures may take pairs.
fn tuple_parameters(source: &str) -> Vec<String> {
    let source = product(source);
    let mut found = Vec::new();
    for (at, _) in source.match_indices("fn ") {
        let signature = &source[at + 3..];
        let Some(name) = signature.split(['(', '<']).next().filter(|name| !name.contains(char::is_whitespace)) else {
            continue;
        };
        let Some(parameters) = parameters(&signature[name.len()..]) else { continue };
        let is_tuple = |parameter: &&str| {
            let kind = parameter.rsplit_once("): ").or_else(|| parameter.split_once(": ")).map_or("", |(_, kind)| kind);
            let kind = kind.trim_start_matches('&').trim_start_matches("mut ");
            kind.starts_with('(') && kind.contains(',')
        };
        found.extend(split_at_commas(parameters).into_iter().filter(is_tuple).map(|it| format!("{name}: {it}")));
    }
    found
}

/// Text between the parentheses of a signature that begins behind the function's name.
fn parameters(signature: &str) -> Option<&str> {
    let (mut angles, mut depth, mut begin) = (0_usize, 0_usize, None);
    for (at, letter) in signature.char_indices() {
        match letter {
            '<' if depth == 0 => angles += 1,
            '>' if depth == 0 && !signature[..at].ends_with('-') => angles = angles.saturating_sub(1),
            '(' if angles == 0 => {
                begin = begin.or(Some(at + 1));
                depth += 1;
            }
            ')' if angles == 0 => {
                depth -= 1;
                if depth == 0 {
                    return Some(&signature[begin?..at]);
                }
            }
            ';' | '{' if depth == 0 && angles == 0 => return None,
            _ => {}
        }
    }
    None
}

#[test]
fn no_function_takes_a_tuple() {
    let planted = "fn a((b, c): (u8, u8)) {}\nfn d<F: Fn((u8, u8)) -> u8>(\n    e: &[(u8, u8)],\n    f: &mut (u8, u8),\n) {}\n\
                   fn g(h: impl Fn((u8, u8)), i: u8) -> (u8, u8) {}\n// fn j(k: (u8, u8)) {}\n";
    assert_eq!(tuple_parameters(planted), ["a: (b, c): (u8, u8)", "d: f: &mut (u8, u8)"]);
    let found: BTreeMap<String, Vec<String>> = CODE
        .into_iter()
        .flat_map(|root| files(root, ".rs"))
        .filter(|file| file != "tests/repo/structure.rs")
        .map(|file| (file.clone(), tuple_parameters(&text(&file))))
        .filter(|(_, found)| !found.is_empty())
        .collect();
    assert_eq!(found, BTreeMap::new());
}
