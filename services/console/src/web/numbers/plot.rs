//! Plots as SVG elements that the server writes: no script, and colours from the stylesheet's classes.
//! The table beside each says the same in numbers.

use std::time::Duration;

use moderato_domain::Timestamp;

use super::report::{figure, written};

/// The picture's size, in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
/// Room for what is written at the axes.
const LEFT: f64 = 48.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 28.0;
/// Most words along the time axis.
const WORDS: usize = 8;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Time, in slots of an hour or a day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    since: Timestamp,
    slot: Duration,
    slots: usize,
}

impl Scale {
    /// Hours of one day, or days.
    pub(super) fn new(since: Timestamp, days: u32) -> Self {
        if days == 1 { Self { since, slot: HOUR, slots: 24 } } else { Self::of_days(since, days) }
    }

    /// Days.
    pub(super) fn of_days(since: Timestamp, days: u32) -> Self {
        Self { since, slot: DAY, slots: days as usize }
    }

    /// How many there are.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// Which one a time falls into.
    pub(super) fn slot(&self, time: Timestamp) -> Option<usize> {
        if time < self.since {
            return None;
        }
        let slot = usize::try_from(time.since(self.since).as_millis() / self.slot.as_millis()).ok()?;
        (slot < self.slots).then_some(slot)
    }

    fn words(&self, slot: usize) -> String {
        let begin = self.since.plus(self.slot * u32::try_from(slot).unwrap_or(0));
        written(begin, if self.slot == HOUR { "%H:%M" } else { "%b %-d" })
    }

    fn width(&self) -> f64 {
        (WIDTH - LEFT - RIGHT) / self.slots.max(1) as f64
    }
}

/// A picture.
#[derive(Debug)]
pub(super) struct Plot {
    /// Unique on its page.
    pub(super) id: &'static str,
    pub(super) title: String,
    /// What it shows, for those who do not see it.
    pub(super) summary: String,
    pub(super) legend: Vec<Series>,
    pub(super) bars: Vec<Bar>,
    pub(super) lines: Vec<Line>,
    pub(super) across: Vec<Tick>,
    pub(super) up: Vec<Tick>,
    pub(super) frame: Frame,
}

/// Where things are, in the picture's units.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) view_box: String,
    /// Where the time axis is written.
    pub(super) foot: f64,
    /// From where to where the lines of the grid go.
    pub(super) left: f64,
    pub(super) right: f64,
    /// Where amounts are written.
    pub(super) margin: f64,
}

/// What a colour stands for.
#[derive(Debug)]
pub(super) struct Series {
    /// `series-1` and so on.
    pub(super) class: String,
    pub(super) name: String,
}

/// A part of a stack.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) class: String,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
    pub(super) says: String,
}

/// A line with its points.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) class: String,
    /// Runs without a gap, as SVG writes points.
    pub(super) runs: Vec<String>,
    pub(super) points: Vec<Point>,
}

/// A point of a line.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) says: String,
}

/// Something written at an axis.
#[derive(Debug)]
pub(super) struct Tick {
    pub(super) at: String,
    pub(super) text: String,
}

impl Plot {
    /// Amounts on top of each other, one stack per slot with one part per name.
    pub(super) fn stacks(
        id: &'static str,
        title: String,
        names: &[String],
        stacks: &[Vec<f64>],
        scale: &Scale,
    ) -> Self {
        let highest = stacks.iter().map(|stack| stack.iter().sum()).fold(0.0, f64::max);
        let axis = Axis::up_to(highest);
        let width = scale.width();
        let gap = (width * 0.15).min(4.0);
        let mut bars = Vec::new();
        for (slot, stack) in stacks.iter().enumerate() {
            let mut below = 0.0;
            for (place, &amount) in stack.iter().enumerate().filter(|(_, amount)| **amount > 0.0) {
                let (top, bottom) = (axis.y(below + amount), axis.y(below));
                bars.push(Bar {
                    class: class(place),
                    x: number(LEFT + width * slot as f64 + gap / 2.0),
                    y: number(top),
                    width: number(width - gap),
                    height: number(bottom - top),
                    says: format!("{}, {}: {}", names[place], scale.words(slot), figure(amount)),
                });
                below += amount;
            }
        }
        let all: f64 = stacks.iter().flatten().sum();
        let summary = format!("{} in all, at most {} at a time", figure(all), figure(highest));
        Self { bars, ..Self::empty(id, title, summary, names, scale, &axis) }
    }

    /// Amounts over time, one line per name; slots without one leave a gap.
    pub(super) fn lines(
        id: &'static str,
        title: String,
        names: &[String],
        amounts: &[Vec<Option<f64>>],
        scale: &Scale,
    ) -> Self {
        let highest = amounts.iter().flatten().flatten().copied().fold(0.0, f64::max);
        let axis = Axis::up_to(highest);
        let line = |(place, amounts): (usize, &Vec<Option<f64>>)| {
            let (mut runs, mut points) = (vec![Vec::new()], Vec::new());
            for (slot, amount) in amounts.iter().enumerate() {
                let Some(amount) = *amount else {
                    runs.push(Vec::new());
                    continue;
                };
                let (x, y) = (number(LEFT + scale.width() * (slot as f64 + 0.5)), number(axis.y(amount)));
                if let Some(run) = runs.last_mut() {
                    run.push(format!("{x},{y}"));
                }
                let says = format!("{}, {}: {}", names[place], scale.words(slot), figure(amount));
                points.push(Point { x, y, says });
            }
            runs.retain(|run: &Vec<String>| run.len() > 1);
            let runs = runs.iter().map(|run| run.join(" ")).collect();
            Line { class: class(place), runs, points }
        };
        let lines = amounts.iter().enumerate().map(line).collect();
        let summary = format!("at most {}", figure(highest));
        Self { lines, ..Self::empty(id, title, summary, names, scale, &axis) }
    }

    fn empty(
        id: &'static str,
        title: String,
        summary: String,
        names: &[String],
        scale: &Scale,
        axis: &Axis,
    ) -> Self {
        let every = scale.slots.div_ceil(WORDS).max(1);
        let across = (0..scale.slots).step_by(every).map(|slot| Tick {
            at: number(LEFT + scale.width() * (slot as f64 + 0.5)),
            text: scale.words(slot),
        });
        let legend = names.iter().enumerate();
        Self {
            id,
            title,
            summary,
            legend: legend.map(|(place, name)| Series { class: class(place), name: name.clone() }).collect(),
            bars: Vec::new(),
            lines: Vec::new(),
            across: across.collect(),
            up: axis.ticks(),
            frame: Frame {
                view_box: format!("0 0 {WIDTH} {HEIGHT}"),
                foot: HEIGHT - 8.0,
                left: LEFT,
                right: WIDTH - RIGHT,
                margin: LEFT - 6.0,
            },
        }
    }
}

/// From zero up to a round number.
#[derive(Debug)]
struct Axis {
    top: f64,
    step: f64,
}

impl Axis {
    /// The steps are 1, 2 or 5 times a power of ten, and there are two to five of them.
    fn up_to(highest: f64) -> Self {
        let least = (highest / 4.0).max(0.25);
        let power = 10_f64.powf(least.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= least * 0.999)
            .unwrap_or(power * 10.0);
        Self { top: (highest / step).ceil().max(1.0) * step, step }
    }

    fn y(&self, amount: f64) -> f64 {
        HEIGHT - BOTTOM - amount / self.top * (HEIGHT - TOP - BOTTOM)
    }

    fn ticks(&self) -> Vec<Tick> {
        let steps = (self.top / self.step).round() as usize;
        (0..=steps)
            .map(|step| {
                let amount = self.step * step as f64;
                Tick { at: number(self.y(amount)), text: figure(amount) }
            })
            .collect()
    }
}

fn class(place: usize) -> String {
    format!("series-{}", place + 1)
}

fn number(number: f64) -> String {
    format!("{number:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(days: u32) -> Scale {
        Scale::new(Timestamp::from_millis(86_400_000), days)
    }

    #[test]
    fn stacks_stand_on_each_other_and_fit() {
        let names = ["Ada".to_owned(), "Ben".to_owned()];
        let plot = Plot::stacks("p", "t".to_owned(), &names, &[vec![30.0, 12.0], vec![0.0, 0.0]], &scale(2));
        assert_eq!(plot.bars.len(), 2, "nothing is drawn for nothing");
        let parsed = |text: &String| text.parse::<f64>().unwrap();
        let (lower, upper) = (&plot.bars[0], &plot.bars[1]);
        assert!((parsed(&upper.y) + parsed(&upper.height) - parsed(&lower.y)).abs() < 0.11);
        assert!(plot.bars.iter().all(|bar| parsed(&bar.y) >= TOP - 0.1));
        assert_eq!(lower.says, "Ada, Jan 2: 30");
        let words: Vec<&str> = plot.up.iter().map(|tick| tick.text.as_str()).collect();
        assert_eq!(words, ["0", "20", "40", "60"]);
    }

    #[test]
    fn a_day_without_an_amount_leaves_a_gap() {
        let amounts = [vec![Some(1.0), Some(2.0), None, Some(3.0), Some(2.0), None, Some(9.0)]];
        let plot = Plot::lines("p", "t".to_owned(), &["Half".to_owned()], &amounts, &scale(7));
        assert_eq!((plot.lines[0].runs.len(), plot.lines[0].points.len()), (2, 5));
    }

    #[test]
    fn times_fall_into_their_slots() {
        let at = |hours: i64| Timestamp::from_millis(86_400_000 + hours * 3_600_000);
        let (hours, days) = (scale(1), scale(7));
        assert_eq!((hours.slot(at(5)), days.slot(at(5)), days.slot(at(24))), (Some(5), Some(0), Some(1)));
        assert_eq!((hours.slot(at(24)), days.slot(at(-1)), days.slot(at(168))), (None, None, None));
        assert_eq!((hours.words(5), days.words(1)), ("05:00".to_owned(), "Jan 3".to_owned()));
    }

    #[test]
    fn nothing_at_all_is_a_plot_too() {
        let plot = Plot::stacks("p", "t".to_owned(), &[], &vec![Vec::new(); 90], &scale(90));
        assert!(plot.bars.is_empty() && plot.across.len() <= WORDS + 1 && plot.up.len() > 1);
    }
}
