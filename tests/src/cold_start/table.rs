//! Medians, and how they compare.

use std::fmt::Write;
use std::path::Path;

/// Figures of one start. Times in milliseconds, memory in megabytes.
pub(super) struct Start {
    /// From the start of the process until it polls.
    pub(super) init: f64,
    pub(super) first: f64,
    pub(super) second: f64,
    /// Computed until the first answer, waiting left out.
    pub(super) cpu: f64,
    /// From the first request until its answer, the emulator's own share included.
    pub(super) wall: f64,
    pub(super) peak: f64,
}

/// The medians of one binary.
pub(super) struct Row {
    label: String,
    size: f64,
    medians: Start,
    /// Of init and first invoke together, start by start.
    cold: f64,
}

impl Row {
    pub(super) fn new(label: String, binary: &Path, starts: &[Start]) -> Self {
        let bytes = std::fs::metadata(binary).expect("a binary").len();
        let size = f64::from(u32::try_from(bytes).expect("less than 4 GB")) / 1_000_000.0;
        let of = |figure: fn(&Start) -> f64| median(starts.iter().map(figure).collect());
        let medians = Start {
            init: of(|start| start.init),
            first: of(|start| start.first),
            second: of(|start| start.second),
            cpu: of(|start| start.cpu),
            wall: of(|start| start.wall),
            peak: of(|start| start.peak),
        };
        Self { label, size, medians, cold: of(|start| start.init + start.first) }
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 { figures[middle] } else { f64::midpoint(figures[middle - 1], figures[middle]) }
}

/// The table. Each row of a function is followed by its reference, against which the ratio is.
pub(super) fn render(rows: &[Row]) -> String {
    let mut text = format!(
        "| {:34} | {:>6} | {:>6} | {:>6} | {:>6} | {:>10} | {:>5} | {:>6} | {:>6} | {:>5} |\n",
        "medians: ms, MB", "file", "init", "first", "second", "init+first", "ratio", "cpu", "wall", "peak"
    );
    text += "|---|---|---|---|---|---|---|---|---|---|\n";
    for (place, row) in rows.iter().enumerate() {
        let reference = rows.get(place + 1).filter(|next| next.label.strip_suffix(", defaults") == Some(&row.label));
        let ratio = reference.map_or_else(String::new, |reference| format!("{:.2}", row.cold / reference.cold));
        let Start { init, first, second, cpu, wall, peak } = &row.medians;
        writeln!(
            text,
            "| {:34} | {:6.1} | {init:6.1} | {first:6.2} | {second:6.2} | {:10.1} | {ratio:>5} | {cpu:6.1} | {wall:6.1} | {peak:5.1} |",
            row.label, row.size, row.cold
        )
        .expect("a string takes all");
    }
    text
}
