use proptest::prelude::*;
use serde_json::json;

use super::*;

fn alert(values: &[(i64, f64)], threshold: Option<f64>) -> Alert {
    let shown: Vec<_> = values.iter().map(|(time_ms, value)| json!([time_ms, value])).collect();
    let text = json!({
        "key": { "host_id": "h", "rule": "memory-full", "entity": "" }, "id": "x", "host": "web-1",
        "severity": "warning", "labels": {}, "links": {}, "text": "", "since_ms": 0, "fired_ms": 0, "active_ms": 0,
        "seen_ms": 0, "flapping": false, "momentary": false, "fired_before_ms": [],
        "evidence": {
            "value": null, "threshold": threshold, "unit": "ratio", "text": "", "process": null, "values": shown,
            "processes": [], "order": "",
        },
    });
    serde_json::from_value(text).unwrap()
}

#[test]
fn a_picture_shows_the_line_and_its_threshold_on_white() {
    let values: Vec<_> = (0..60).map(|n| (1_790_000_000_000 + n * 5_000, 0.4 + n as f64 / 100.0)).collect();
    let alert = alert(&values, Some(0.9));
    let png = picture(&alert).unwrap();
    assert!(png.len() < 100_000, "{}", png.len());
    let shown = Pixmap::decode_png(&png).unwrap();
    assert_eq!((shown.width(), shown.height()), (WIDTH, HEIGHT));
    let count = |color: [u8; 3]| {
        let is =
            |pixel: &&tiny_skia::PremultipliedColorU8| [pixel.red(), pixel.green(), pixel.blue()] == color;
        shown.pixels().iter().filter(is).count()
    };
    assert!(count(VALUE) > 300 && count(LIMIT) > 100 && count(INK) > 50);
    assert!(count(PAPER) > 80_000);
    assert!(shown.pixels().iter().all(|pixel| pixel.alpha() == 255), "nothing shines through");
}

#[test]
fn what_can_not_be_drawn_is_left_out() {
    assert_eq!(picture(&alert(&[], Some(1.0))), None);
    assert_eq!(picture(&alert(&[(5, 1.0)], None)), None);
    assert_eq!(picture(&alert(&[(5, 1.0), (5, 2.0)], None)), None);
    assert!(picture(&alert(&[(5, 1.0), (6, 1.0)], None)).is_some(), "a level line");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_values_are_a_picture_or_none(
        values in proptest::collection::vec((any::<i64>(), -1e300..1e300_f64), 0..8),
        threshold in proptest::option::of(-1e300..1e300_f64),
    ) {
        drop(picture(&alert(&values, threshold)));
    }
}
