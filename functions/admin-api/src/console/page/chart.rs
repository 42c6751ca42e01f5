//! Bar chart of a page, drawn on the server: no script and no inline style.

use askama::Template;

/// Width of the picture in its own units, which the page scales.
const WIDTH: u32 = 640;
/// Height of the longest bar.
const HEIGHT: u32 = 120;
/// Room above the bars for the highest value, and below them for their names.
const MARGIN: u32 = 18;
/// Share of a bar's place that stays empty, in percent.
const GAP: u32 = 20;
/// Most names below the bars; of more bars only some are named.
const MOST_NAMES: usize = 12;

/// One bar of a chart.
pub(crate) struct Bar {
    /// Name below the bar.
    pub(crate) name: String,
    /// Height, in the unit of the chart; `None` where there was nothing to measure.
    pub(crate) value: Option<u64>,
    /// Part of the value that is drawn in the colour of failures, at most the value.
    pub(crate) bad: u64,
    /// Text on pointing at the bar.
    pub(crate) about: String,
}

/// Bar chart, which prints itself as an `svg` element.
#[derive(Template)]
#[template(path = "console/chart.html")]
pub(crate) struct Chart {
    /// Text alternative: the chart's title and what it shows.
    about: String,
    /// Text of the highest value, at the top of the axis.
    most: String,
    bars: Vec<Drawn>,
}

/// Bar with its place in the picture.
struct Drawn {
    x: u32,
    middle: u32,
    width: u32,
    good: Part,
    bad: Part,
    name: Option<String>,
    about: String,
}

/// Part of a bar.
struct Part {
    y: u32,
    height: u32,
}

impl Chart {
    /// Draws bars beside each other. The longest one is `most` high, or the largest value where that is `None`; `unit` makes a text
    /// of a value.
    pub(crate) fn new(about: String, bars: Vec<Bar>, most: Option<u64>, unit: impl Fn(u64) -> String) -> Self {
        let largest = bars.iter().filter_map(|bar| bar.value).max().unwrap_or_default();
        let most = most.unwrap_or(largest).max(1);
        let count = bars.len().max(1);
        let place = WIDTH / u32::try_from(count).unwrap_or(u32::MAX).max(1);
        let width = (place * (100 - GAP) / 100).max(1);
        let every = count.div_ceil(MOST_NAMES);
        // The latest bar is always named, so the names are counted from it.
        let is_named = |number: usize| (count - 1 - number).is_multiple_of(every);
        let draw = |(number, bar): (usize, Bar)| {
            let x = place.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX));
            let value = bar.value.unwrap_or_default();
            let all = height(value, most);
            let bad = height(bar.bad.min(value), most).min(all);
            Drawn {
                x,
                middle: x + width / 2,
                width,
                good: Part { y: MARGIN + HEIGHT - all, height: all - bad },
                bad: Part { y: MARGIN + HEIGHT - bad, height: bad },
                name: is_named(number).then_some(bar.name),
                about: bar.about,
            }
        };
        Self { about, most: unit(most), bars: bars.into_iter().enumerate().map(draw).collect() }
    }
}

/// Height of a value. One that is not 0 is seen.
fn height(value: u64, most: u64) -> u32 {
    let scaled = value.min(most).saturating_mul(u64::from(HEIGHT)).checked_div(most).unwrap_or_default();
    let scaled = u32::try_from(scaled).unwrap_or(HEIGHT);
    if value > 0 { scaled.max(1) } else { 0 }
}

impl askama::filters::HtmlSafe for Chart {}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(value: Option<u64>, bad: u64) -> Bar {
        Bar { name: "<1>".to_owned(), value, bad, about: "\"a\" & b".to_owned() }
    }

    #[test]
    fn bars_are_as_high_as_their_values_and_texts_are_escaped() {
        let chart =
            Chart::new("A <b>".to_owned(), vec![bar(Some(10), 5), bar(None, 0)], None, |most| format!("{most} %"));
        let html = chart.to_string();
        assert!(html.contains("height=\"60\"") && html.contains("class=\"bar-bad\""), "{html}");
        assert!(html.contains("10 %") && html.contains("A &#60;b&#62;") && !html.contains("<1>"), "{html}");
    }

    #[test]
    fn a_value_that_is_not_nothing_is_seen_and_none_is_higher_than_the_picture() {
        assert_eq!([height(0, 10_000), height(1, 10_000), height(20_000, 10_000)], [0, 1, HEIGHT]);
        let empty = Chart::new(String::new(), Vec::new(), None, |most| most.to_string());
        assert!(empty.bars.is_empty());
        let many = Chart::new(String::new(), (0..30).map(|_| bar(Some(1), 0)).collect(), None, |most| most.to_string());
        let named: Vec<usize> = (0..30).filter(|number| many.bars[*number].name.is_some()).collect();
        assert_eq!(named, [2, 5, 8, 11, 14, 17, 20, 23, 26, 29]);
    }
}
