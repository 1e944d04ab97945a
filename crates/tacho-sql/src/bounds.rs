//! What a query's conditions say of host and time, so that files are left out without being opened.

use std::ops::Range;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, Operator};

/// Rows outside of it are not asked for. Rows inside may still fail the query's conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) host_id: Option<String>,
    /// Milliseconds since the epoch.
    pub(crate) time_ms: Range<i64>,
}

impl Bounds {
    /// Of conditions that all hold.
    pub(crate) fn of(conditions: &[Expr]) -> Self {
        let mut bounds = Self { host_id: None, time_ms: i64::MIN..i64::MAX };
        conditions.iter().for_each(|condition| bounds.narrow(condition));
        bounds
    }

    fn narrow(&mut self, condition: &Expr) {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.narrow(left);
                self.narrow(right);
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (column(left), column(right)) {
                (Some(column), None) => self.compare(column, *op, right),
                (None, Some(column)) => {
                    if let Some(op) = op.swap() {
                        self.compare(column, op, left);
                    }
                }
                _ => {}
            },
            Expr::Between(Between { expr, negated: false, low, high }) => {
                if let Some(column) = column(expr) {
                    self.compare(column, Operator::GtEq, low);
                    self.compare(column, Operator::LtEq, high);
                }
            }
            _ => {}
        }
    }

    fn compare(&mut self, column: &str, op: Operator, value: &Expr) {
        let Expr::Literal(value, _) = value else { return };
        match column {
            "time" => self.compare_time(op, value),
            "host_id" if op == Operator::Eq => {
                if let Some(Some(host_id)) = value.try_as_str() {
                    self.host_id = Some(host_id.to_owned());
                }
            }
            _ => {}
        }
    }

    fn compare_time(&mut self, op: Operator, value: &ScalarValue) {
        let Some((least_ms, most_ms)) = milliseconds(value) else { return };
        let range = &mut self.time_ms;
        if matches!(op, Operator::Gt | Operator::GtEq | Operator::Eq) {
            range.start = range.start.max(least_ms);
        }
        if matches!(op, Operator::Lt | Operator::LtEq | Operator::Eq) {
            range.end = range.end.min(most_ms.saturating_add(1));
        }
    }
}

/// The column's name. A point in time that is made finer to be compared stays the same one.
fn column(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Column(column) => Some(&column.name),
        Expr::Cast(Cast { expr, field }) => match field.data_type() {
            DataType::Timestamp(TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond, _) => {
                column(expr).filter(|name| *name == "time")
            }
            _ => None,
        },
        _ => None,
    }
}

/// The time rounded down, and up.
fn milliseconds(value: &ScalarValue) -> Option<(i64, i64)> {
    match value {
        ScalarValue::TimestampSecond(Some(time), _) => {
            let time = time.saturating_mul(1000);
            Some((time, time))
        }
        ScalarValue::TimestampMillisecond(Some(time), _) => Some((*time, *time)),
        ScalarValue::TimestampMicrosecond(Some(time), _) => Some(rounded(*time, 1000)),
        ScalarValue::TimestampNanosecond(Some(time), _) => Some(rounded(*time, 1_000_000)),
        _ => None,
    }
}

fn rounded(time: i64, unit: i64) -> (i64, i64) {
    let down = time.div_euclid(unit);
    (down, down + i64::from(time.rem_euclid(unit) != 0))
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    fn time(ms: i64) -> Expr {
        lit(ScalarValue::TimestampMillisecond(Some(ms), Some("UTC".into())))
    }

    #[test]
    fn conditions_on_host_and_time_narrow() {
        let conditions = [
            col("time").gt_eq(time(1000)).and(time(5000).gt(col("time"))),
            col("host_id").eq(lit("a")),
            col("name").eq(lit("sleep")),
        ];
        let bounds = Bounds::of(&conditions);
        assert_eq!(bounds, Bounds { host_id: Some("a".to_owned()), time_ms: 1000..5001 });
    }

    #[test]
    fn conditions_that_may_hold_elsewhere_do_not() {
        let conditions = [
            col("time").gt(time(1000)).or(col("host_id").eq(lit("a"))),
            col("time").not_eq(time(3)),
            col("host_id").not_eq(lit("b")),
            col("time").not_between(time(1), time(2)),
        ];
        assert_eq!(Bounds::of(&conditions), Bounds { host_id: None, time_ms: i64::MIN..i64::MAX });
    }

    #[test]
    fn finer_times_are_rounded_outwards() {
        let of = |nanoseconds| lit(ScalarValue::TimestampNanosecond(Some(nanoseconds), None));
        let conditions = [col("time").between(of(1_500_000), of(2_500_001))];
        assert_eq!(Bounds::of(&conditions).time_ms, 1..4);
        assert_eq!(Bounds::of(&[col("time").gt(of(-1))]).time_ms.start, -1);
        let finer = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let finer = Expr::Cast(Cast::new(Box::new(col("time")), finer));
        assert_eq!(Bounds::of(&[of(7_000_001).lt(finer)]).time_ms.start, 7);
    }
}
