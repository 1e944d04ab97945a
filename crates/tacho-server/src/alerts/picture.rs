//! A picture of an alert's last minutes, for channels that take pictures. Pure; its letters come with the program.

use jiff::Timestamp;
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use tacho_alert::{Alert, shown_value};
use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Rect, Stroke, StrokeDash, Transform};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 240;
/// Around the values: left for their scale, below for times, above for what it is.
const LEFT: f32 = 104.0;
const RIGHT: f32 = 20.0;
const TOP: f32 = 42.0;
const BOTTOM: f32 = 36.0;
const LETTER: RasterHeight = RasterHeight::Size16;
const LETTER_HEIGHT: f32 = 16.0;

/// Dark on white, whatever the reader's client shows around it.
const PAPER: [u8; 3] = [255, 255, 255];
const INK: [u8; 3] = [55, 65, 81];
const FRAME: [u8; 3] = [209, 213, 219];
const VALUE: [u8; 3] = [37, 99, 235];
const LIMIT: [u8; 3] = [220, 38, 38];

/// Where values and times are on the picture.
struct Scale {
    times: (i64, i64),
    values: (f64, f64),
}

/// PNG of how the value of an alert went, with its threshold; absent where there are fewer than two values.
pub(super) fn picture(alert: &Alert) -> Option<Vec<u8>> {
    let evidence = &alert.evidence;
    let values: Vec<(i64, f64)> =
        evidence.values.iter().copied().filter(|(_, value)| value.is_finite()).collect();
    let threshold = evidence.threshold.filter(|threshold| threshold.is_finite());
    let scale = Scale::of(&values, threshold)?;
    let mut pixmap = Pixmap::new(WIDTH, HEIGHT)?;
    let [red, green, blue] = PAPER;
    pixmap.fill(Color::from_rgba8(red, green, blue, 255));
    draw_frame(&mut pixmap);
    draw_values(&mut pixmap, &scale, &values);
    let shown = |value: f64| shown_value(value, &evidence.unit);
    let (low, high) = scale.values;
    write_before(&mut pixmap, &shown(high), scale.y(high), INK);
    write_before(&mut pixmap, &shown(low), scale.y(low), INK);
    if let Some(threshold) = threshold {
        draw_threshold(&mut pixmap, scale.y(threshold));
        let far = |value: f64| (scale.y(threshold) - scale.y(value)).abs() > LETTER_HEIGHT;
        if far(low) && far(high) {
            write_before(&mut pixmap, &shown(threshold), scale.y(threshold), LIMIT);
        }
    }
    let below = HEIGHT as f32 - BOTTOM + 10.0;
    let (first, last) = scale.times;
    write(&mut pixmap, &clock(first), (LEFT, below), INK);
    let last = clock(last);
    write(&mut pixmap, &last, (WIDTH as f32 - RIGHT - text_width(&last), below), INK);
    let title = format!("{}  {}  {}", alert.host, alert.key.rule, alert.key.entity);
    write(&mut pixmap, title.trim_end(), (14.0, 12.0), INK);
    pixmap.encode_png().ok()
}

impl Scale {
    fn of(values: &[(i64, f64)], threshold: Option<f64>) -> Option<Self> {
        let times = (values.first()?.0, values.last()?.0);
        if times.0 >= times.1 {
            return None;
        }
        let all = || values.iter().map(|(_, value)| *value).chain(threshold);
        let low = all().fold(f64::INFINITY, f64::min);
        let high = all().fold(f64::NEG_INFINITY, f64::max);
        // From zero where that costs little of the height; never a line without any.
        let low = if low > 0.0 && low < high * 0.5 { 0.0 } else { low };
        let high = if high > low { high } else { low + low.abs().max(1.0) * 0.1 };
        (high - low).is_finite().then_some(Self { times, values: (low, high) })
    }

    fn x(&self, time_ms: i64) -> f32 {
        let (first, last) = self.times;
        let share = time_ms.saturating_sub(first) as f64 / last.saturating_sub(first) as f64;
        LEFT + share.clamp(0.0, 1.0) as f32 * (WIDTH as f32 - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f32 {
        let (low, high) = self.values;
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        HEIGHT as f32 - BOTTOM - share as f32 * (HEIGHT as f32 - TOP - BOTTOM)
    }
}

fn draw_frame(pixmap: &mut Pixmap) {
    let (right, bottom) = (WIDTH as f32 - RIGHT, HEIGHT as f32 - BOTTOM);
    for (from, to) in [((LEFT, TOP), (right, TOP)), ((LEFT, bottom), (right, bottom))] {
        draw_line(pixmap, &[from, to], FRAME, &Stroke { width: 1.0, ..Stroke::default() });
    }
    if let Some(edge) = Rect::from_xywh(0.5, 0.5, WIDTH as f32 - 1.0, HEIGHT as f32 - 1.0) {
        let path = PathBuilder::from_rect(edge);
        let stroke = Stroke { width: 1.0, ..Stroke::default() };
        pixmap.stroke_path(&path, &paint(FRAME, 255), &stroke, Transform::identity(), None);
    }
}

fn draw_values(pixmap: &mut Pixmap, scale: &Scale, values: &[(i64, f64)]) {
    let points: Vec<(f32, f32)> =
        values.iter().map(|(time_ms, value)| (scale.x(*time_ms), scale.y(*value))).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    let floor = HEIGHT as f32 - BOTTOM;
    let mut area = PathBuilder::new();
    area.move_to(first.0, floor);
    points.iter().for_each(|(x, y)| area.line_to(*x, *y));
    area.line_to(last.0, floor);
    area.close();
    if let Some(area) = area.finish() {
        pixmap.fill_path(&area, &paint(VALUE, 40), FillRule::Winding, Transform::identity(), None);
    }
    draw_line(pixmap, &points, VALUE, &Stroke { width: 2.0, ..Stroke::default() });
}

fn draw_threshold(pixmap: &mut Pixmap, y: f32) {
    let dash = StrokeDash::new(vec![6.0, 4.0], 0.0);
    let stroke = Stroke { width: 1.5, dash, ..Stroke::default() };
    draw_line(pixmap, &[(LEFT, y), (WIDTH as f32 - RIGHT, y)], LIMIT, &stroke);
}

fn draw_line(pixmap: &mut Pixmap, points: &[(f32, f32)], color: [u8; 3], stroke: &Stroke) {
    let mut path = PathBuilder::new();
    for (place, (x, y)) in points.iter().enumerate() {
        if place == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
    }
    if let Some(path) = path.finish() {
        pixmap.stroke_path(&path, &paint(color, 255), stroke, Transform::identity(), None);
    }
}

fn paint([red, green, blue]: [u8; 3], alpha: u8) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, alpha);
    paint.anti_alias = true;
    paint
}

/// To the left of the values, at the height of one.
fn write_before(pixmap: &mut Pixmap, text: &str, y: f32, color: [u8; 3]) {
    let x = (LEFT - 8.0 - text_width(text)).max(4.0);
    write(pixmap, text, (x, y - LETTER_HEIGHT / 2.0), color);
}

/// What does not fit is cut off; letters that are not known are told by a question mark.
fn write(pixmap: &mut Pixmap, text: &str, (x, y): (f32, f32), color: [u8; 3]) {
    let width = get_raster_width(FontWeight::Regular, LETTER);
    let raster = |c| get_raster(c, FontWeight::Regular, LETTER);
    for (place, c) in text.chars().take((WIDTH as usize).div_ceil(width)).enumerate() {
        let Some(letter) = raster(c).or_else(|| raster('?')) else { continue };
        for (row, line) in letter.rows().enumerate() {
            for (column, intensity) in line.iter().enumerate() {
                let at = (x as usize + place * width + column, y as usize + row);
                blend(pixmap, at, color, *intensity);
            }
        }
    }
}

fn blend(pixmap: &mut Pixmap, (x, y): (usize, usize), color: [u8; 3], intensity: u8) {
    if x >= WIDTH as usize || y >= HEIGHT as usize || intensity == 0 {
        return;
    }
    let start = (y * WIDTH as usize + x) * 4;
    let Some(pixel) = pixmap.data_mut().get_mut(start..start + 3) else { return };
    let share = u32::from(intensity);
    for (part, ink) in pixel.iter_mut().zip(color) {
        let mixed = (u32::from(*part) * (255 - share) + u32::from(ink) * share) / 255;
        *part = u8::try_from(mixed).unwrap_or(u8::MAX);
    }
}

fn text_width(text: &str) -> f32 {
    (text.chars().count() * get_raster_width(FontWeight::Regular, LETTER)) as f32
}

fn clock(time_ms: i64) -> String {
    Timestamp::from_millisecond(time_ms)
        .map_or_else(|_| time_ms.to_string(), |time| format!("{} UTC", time.strftime("%H:%M:%S")))
}

#[cfg(test)]
mod tests;
