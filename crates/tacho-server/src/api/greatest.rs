//! Of many series the greatest, and the rest added up.

use std::collections::HashSet;

use tacho_history::Series;

/// The greatest series and what the others come to.
pub(super) struct Greatest {
    /// The greatest first: by the sum of all their values.
    pub(super) kept: Vec<Series>,
    /// The sum of the others, bucket by bucket; absent where none of them has a reading.
    pub(super) others: Option<Series>,
    pub(super) left_out: usize,
}

pub(super) fn greatest(mut all: Vec<Series>, limit: usize) -> Greatest {
    all.sort_by(|a, b| total(b).total_cmp(&total(a)));
    let rest = all.split_off(limit.min(all.len()));
    let left_out = rest.len();
    let others = rest.into_iter().reduce(|sum, one| add(sum, &one));
    let others = others.map(|series| Series { entity: Vec::new(), ..series });
    Greatest { kept: all, others, left_out }
}

/// Without control groups that contain others of them: what those use counts for these, too.
pub(super) fn innermost(all: Vec<Series>) -> Vec<Series> {
    let path = |series: &Series| series.entity.first().cloned().unwrap_or_default();
    let mut parents = HashSet::new();
    for one in &all {
        let mut path = path(one);
        while let Some(end) = path.rfind('/') {
            path.truncate(end);
            parents.insert(if path.is_empty() { "/".to_owned() } else { path.clone() });
        }
    }
    all.into_iter().filter(|one| path(one) != "/" && !parents.contains(&path(one))).collect()
}

fn total(series: &Series) -> f64 {
    series.columns.iter().flat_map(|(_, values)| values).flatten().sum()
}

/// All series of an answer have the same columns and buckets.
fn add(mut sum: Series, one: &Series) -> Series {
    for ((_, to), (_, values)) in sum.columns.iter_mut().zip(&one.columns) {
        for (to, value) in to.iter_mut().zip(values) {
            *to = match (*to, *value) {
                (Some(left), Some(right)) => Some(left + right),
                (left, right) => left.or(right),
            };
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, values: &[Option<f64>]) -> Series {
        Series {
            entity: vec![name.to_owned()],
            time_ms: (0..values.len() as i64).collect(),
            bucket_ms: 1,
            columns: vec![("bytes".to_owned(), values.to_vec())],
        }
    }

    #[test]
    fn a_control_group_that_contains_others_is_left_out() {
        let paths =
            ["/", "/system.slice", "/system.slice/db.service", "/system.slice-like", "/pod/a/b", "/pod"];
        let found = innermost(paths.map(|path| series(path, &[Some(1.0)])).to_vec());
        let names: Vec<_> = found.iter().map(|one| one.entity[0].as_str()).collect();
        assert_eq!(names, ["/system.slice/db.service", "/system.slice-like", "/pod/a/b"]);
        assert!(innermost(Vec::new()).is_empty());
    }

    #[test]
    fn the_greatest_stay_and_the_rest_is_added_up() {
        let all = vec![
            series("small", &[Some(1.0), None, None]),
            series("great", &[Some(9.0), Some(9.0), None]),
            series("smaller", &[Some(0.5), Some(0.25), None]),
        ];
        let names = |found: &Greatest| found.kept.iter().map(|one| one.entity[0].clone()).collect::<Vec<_>>();
        let one = greatest(all.clone(), 1);
        assert_eq!((names(&one), one.left_out), (vec!["great".to_owned()], 2));
        assert_eq!(one.others.unwrap().columns[0].1, [Some(1.5), Some(0.25), None], "absent stays absent");
        let every = greatest(all, 7);
        assert_eq!(names(&every), ["great", "small", "smaller"]);
        assert!(every.others.is_none() && every.left_out == 0);
    }
}
